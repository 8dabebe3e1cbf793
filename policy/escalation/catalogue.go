package escalation

import "strings"

// Technique is one published way to gain privileges: the permissions that it
// takes, what must be there beside them, and what it yields.
type Technique struct {
	ID     string // in the catalogue that Source leads to
	Source string
	Target Target
	Gain   Gain
	Needs  []Need

	// Service is what the target role must trust, "" where it need not trust a
	// service; with Passed, it is also to whom iam:PassRole passes the role.
	Service string
	Passed  bool
	// Profile says that the role must be in an instance profile.
	Profile bool
	// Exists lists the kinds of resources that must be there already, and Runs
	// the kind of one that must run as the target role.
	Exists []string
	Runs   string
}

// Name is the technique's permissions: "iam:PassRole+lambda:CreateFunction".
func (t *Technique) Name() string {
	var all []string
	for _, n := range t.Needs {
		all = append(all, n.Action)
	}
	return strings.Join(all, "+")
}

// Need is one permission. On says on what: "*" for an action without resource,
// "target" for the target itself, "policy" for a customer's managed policy that
// the target has, "trust" for the target by its trust policy, or a kind of
// resource.
type Need struct{ Action, On string }

// Target is upon whom a technique works.
type Target uint8

// The targets.
const (
	SelfUser Target = iota + 1
	SelfRole
	OwnPolicy // a managed policy that the principal, or a group of its, has
	OwnGroup
	OtherGroup
	OtherUser
	OtherRole
)

// Gain is what a technique yields.
type Gain uint8

// The gains.
const (
	Everything  Gain = iota + 1 // every permission that boundary and denies leave
	Become                      // the target's permissions
	BecomeAll                   // the target's, and every permission that its boundary and denies leave
	Join                        // the group's permissions
	Unbound                     // an end of the permissions boundary
	Undeny                      // an end of policies that deny
	OldVersions                 // the permissions of another version of a policy
)

// The sources of the catalogue.
const (
	pathfinding = "https://pathfinding.cloud/paths/"
	hacking     = "https://hackingthe.cloud/aws/exploitation/iam_privilege_escalation/"
)

// Catalogue lists the techniques. It must not be changed. It holds what is
// published for services that can still be used: AWS CodeStar, which earlier
// lists name, has ended.
func Catalogue() []Technique { return catalogue }

var catalogue = build()

func build() []Technique {
	var all []Technique
	for _, list := range [][]Technique{identity, passing, existing} {
		for _, t := range list {
			if t.Source == "" {
				t.Source = pathfinding + t.ID
			}
			all = append(all, t)
		}
	}
	return all
}

func needs(pairs ...string) []Need {
	var all []Need
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, Need{pairs[i], pairs[i+1]})
	}
	return all
}

// identity holds the techniques that need IAM and STS only.
var identity = []Technique{
	{ID: "iam-001", Target: OwnPolicy, Gain: Everything, Needs: needs("iam:CreatePolicyVersion", "policy")},
	{ID: "iam-002", Target: OtherUser, Gain: Become, Needs: needs("iam:CreateAccessKey", "target"), Exists: []string{FreeAccessKey}},
	{ID: "iam-003", Target: OtherUser, Gain: Become, Needs: needs("iam:DeleteAccessKey", "target", "iam:CreateAccessKey", "target"), Exists: []string{AccessKey}},
	{ID: "iam-004", Target: OtherUser, Gain: Become, Needs: needs("iam:CreateLoginProfile", "target"), Exists: []string{NoLoginProfile}},
	{ID: "iam-005", Target: SelfRole, Gain: Everything, Needs: needs("iam:PutRolePolicy", "target")},
	{ID: "iam-006", Target: OtherUser, Gain: Become, Needs: needs("iam:UpdateLoginProfile", "target"), Exists: []string{LoginProfile}},
	{ID: "iam-007", Target: SelfUser, Gain: Everything, Needs: needs("iam:PutUserPolicy", "target")},
	{ID: "iam-008", Target: SelfUser, Gain: Everything, Needs: needs("iam:AttachUserPolicy", "target")},
	{ID: "iam-009", Target: SelfRole, Gain: Everything, Needs: needs("iam:AttachRolePolicy", "target")},
	{ID: "iam-010", Target: OwnGroup, Gain: Everything, Needs: needs("iam:AttachGroupPolicy", "target")},
	{ID: "iam-011", Target: OwnGroup, Gain: Everything, Needs: needs("iam:PutGroupPolicy", "target")},
	{ID: "iam-012", Target: OtherRole, Gain: Become, Needs: needs("iam:UpdateAssumeRolePolicy", "target")},
	{ID: "iam-013", Target: OtherGroup, Gain: Join, Needs: needs("iam:AddUserToGroup", "target")},
	{ID: "iam-014", Target: OtherRole, Gain: BecomeAll, Needs: needs("iam:AttachRolePolicy", "target", "sts:AssumeRole", "trust")},
	{ID: "iam-015", Target: OtherUser, Gain: BecomeAll, Needs: needs("iam:AttachUserPolicy", "target", "iam:CreateAccessKey", "target"), Exists: []string{FreeAccessKey}},
	{ID: "iam-016", Target: OtherRole, Gain: BecomeAll, Needs: needs("iam:CreatePolicyVersion", "policy", "sts:AssumeRole", "trust")},
	{ID: "iam-017", Target: OtherRole, Gain: BecomeAll, Needs: needs("iam:PutRolePolicy", "target", "sts:AssumeRole", "trust")},
	{ID: "iam-018", Target: OtherUser, Gain: BecomeAll, Needs: needs("iam:PutUserPolicy", "target", "iam:CreateAccessKey", "target"), Exists: []string{FreeAccessKey}},
	{ID: "iam-019", Target: OtherRole, Gain: BecomeAll, Needs: needs("iam:AttachRolePolicy", "target", "iam:UpdateAssumeRolePolicy", "target")},
	{ID: "iam-020", Target: OtherRole, Gain: BecomeAll, Needs: needs("iam:CreatePolicyVersion", "policy", "iam:UpdateAssumeRolePolicy", "target")},
	{ID: "iam-021", Target: OtherRole, Gain: BecomeAll, Needs: needs("iam:PutRolePolicy", "target", "iam:UpdateAssumeRolePolicy", "target")},
	{ID: "sts-001", Target: OtherRole, Gain: Become, Needs: needs("sts:AssumeRole", "trust")},
	{ID: "iam-setdefaultpolicyversion", Source: hacking + "#iamsetdefaultpolicyversion", Target: OwnPolicy, Gain: OldVersions, Needs: needs("iam:SetDefaultPolicyVersion", "policy")},
	{ID: "iam-deleteuserpermissionsboundary", Source: hacking + "#iamdeleteuserpermissionsboundary", Target: SelfUser, Gain: Unbound, Needs: needs("iam:DeleteUserPermissionsBoundary", "target")},
	{ID: "iam-deleterolepermissionsboundary", Source: hacking + "#iamdeleterolepermissionsboundary", Target: SelfRole, Gain: Unbound, Needs: needs("iam:DeleteRolePermissionsBoundary", "target")},
	{ID: "iam-putuserpermissionsboundary", Source: hacking + "#iamputuserpermissionsboundary", Target: SelfUser, Gain: Unbound, Needs: needs("iam:PutUserPermissionsBoundary", "target")},
	{ID: "iam-putrolepermissionsboundary", Source: hacking + "#iamputrolepermissionsboundary", Target: SelfRole, Gain: Unbound, Needs: needs("iam:PutRolePermissionsBoundary", "target")},
	{ID: "iam-deleteuserpolicy", Source: hacking + "#iamdeleteuserpolicy", Target: SelfUser, Gain: Undeny, Needs: needs("iam:DeleteUserPolicy", "target")},
	{ID: "iam-detachuserpolicy", Source: hacking + "#iamdetachuserpolicy", Target: SelfUser, Gain: Undeny, Needs: needs("iam:DetachUserPolicy", "target")},
	{ID: "iam-deleterolepolicy", Source: hacking + "#iamdeleterolepolicy", Target: SelfRole, Gain: Undeny, Needs: needs("iam:DeleteRolePolicy", "target")},
	{ID: "iam-detachrolepolicy", Source: hacking + "#iamdetachrolepolicy", Target: SelfRole, Gain: Undeny, Needs: needs("iam:DetachRolePolicy", "target")},
}
