package lint

import (
	"slices"
	"strings"

	"cloister/policy"
)

// gives says whether policies of the kind give permissions to whom they belong.
func (c *checker) gives() bool { return c.kind == policy.KindIdentity || c.kind == policy.KindSession }

// permissions reports statements that let any role be passed.
func (c *checker) permissions(s value) {
	if c.gives() && s.allows() && !conditioned(s, []string{"iam:passedtoservice"}) {
		c.broad(s, "PASS_ROLE", "iam:passrole", passable)
	}
}

// serviceLinkedRoles reports statements that let any service-linked role be made.
func (c *checker) serviceLinkedRoles(s value) {
	if c.gives() && s.allows() && !conditioned(s, []string{"iam:awsservicename"}) {
		c.broad(s, "CREATE_SLR", "iam:createservicelinkedrole", linkable)
	}
}

// Names that no role has, of a service's own kind and of none.
var (
	passable = []string{"arn:aws:iam::123456789012:role/q", "arn:aws:iam::210987654321:role/z/x"}
	linkable = []string{"arn:aws:iam::123456789012:role/aws-service-role/q.amazonaws.com/q", "arn:aws:iam::210987654321:role/aws-service-role/z.amazonaws.com/x"}
)

// broad reports an action that a statement gives on all of its resources, by the
// way in which it does.
func (c *checker) broad(s value, family, action string, all []string) {
	what, notAction, ok := s.either("Action")
	resource, notResource, has := s.either("Resource")
	if !ok || !has {
		return
	}
	by, given := c.giving(what, notAction, action)
	on := slices.IndexFunc(resource.texts(), func(v value) bool {
		return !slices.ContainsFunc(all, func(arn string) bool { return !glob(v.Text, arn) })
	})
	if !given || !notResource && on < 0 || notResource && on >= 0 {
		return
	}
	code := family + "_WITH"
	switch star := strings.ContainsAny(by.Text, "*?"); {
	case notAction && notResource:
		code += "_NOT_ACTION_AND_NOT_RESOURCE"
	case notAction:
		code += "_STAR_IN_RESOURCE_AND_NOT_ACTION"
	case notResource && star:
		code += "_STAR_IN_ACTION_AND_NOT_RESOURCE"
	case notResource:
		code += "_NOT_RESOURCE"
	case star:
		code += "_STAR_IN_ACTION_AND_RESOURCE"
	default:
		code += "_STAR_IN_RESOURCE"
	}
	where := resource
	if on >= 0 && !notResource {
		where = resource.texts()[on]
	}
	c.report(code, []Location{c.location(by), c.location(where)})
}

// giving is the item of an element by which it gives an action.
func (c *checker) giving(actions value, negated bool, action string) (by value, given bool) {
	for _, item := range actions.texts() {
		if glob(strings.ToLower(item.Text), action) {
			return item, !negated
		}
	}
	return actions, negated
}
