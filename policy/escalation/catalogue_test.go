package escalation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	account = "123456789012"
	attackU = "arn:aws:iam::123456789012:user/a"
	attackR = "arn:aws:iam::123456789012:role/a"
	victimU = "arn:aws:iam::123456789012:user/b"
	victimR = "arn:aws:iam::123456789012:role/b"
	ownPol  = "arn:aws:iam::123456789012:policy/own"
	theirs  = "arn:aws:iam::123456789012:policy/theirs"
)

type object = map[string]any

func statements(all ...object) object {
	return object{"Version": "2012-10-17", "Statement": all}
}

func allow(action, resource any) object {
	return object{"Effect": "Allow", "Action": action, "Resource": resource}
}

func deny(s object) object {
	s["Effect"] = "Deny"
	return s
}

func inlined(name string, document object) object {
	return object{"PolicyName": name, "PolicyDocument": document}
}

func trustOf(principal object) object {
	return statements(object{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
}

func policyOf(arn string, versions ...object) object {
	var list []object
	for i, v := range versions {
		list = append(list, object{"VersionId": fmt.Sprintf("v%d", i+1), "Document": v})
	}
	return object{"Arn": arn, "DefaultVersionId": fmt.Sprintf("v%d", len(versions)), "PolicyVersionList": list}
}

func attachment(arns ...string) []object {
	var all []object
	for _, arn := range arns {
		all = append(all, object{"PolicyArn": arn})
	}
	return all
}

// account data as the aws CLI prints it
func parse(t *testing.T, d object) *Account {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var anything = statements(allow("*", "*"))

// attacker is the user or role a with what the rest of the account is for.
type scene struct {
	attacker  object
	user      bool
	others    object // further lists of the data
	resources map[string][]Resource
}

// sceneOf makes an account in which the technique is the only way up, for
// whoever has the needs that are not left out.
func sceneOf(tech *Technique, without int) *scene {
	s := &scene{user: tech.Target != SelfRole, others: object{}, resources: map[string][]Resource{}}
	s.attacker = object{"Arn": attackU, "UserName": "a"}
	if !s.user {
		s.attacker = object{"Arn": attackR, "RoleName": "a", "AssumeRolePolicyDocument": trustOf(object{"Service": "x.amazonaws.com"})}
	}
	for _, list := range []map[string]string{arns, words} { // it is known of every kind that there are none
		for kind := range list {
			s.resources[kind] = []Resource{}
		}
	}
	victim := victimR
	if tech.Target == OtherUser {
		victim = victimU
	}
	for _, kind := range append(slices.Clone(tech.Exists), tech.Runs) {
		if kind != "" {
			s.resources[kind] = []Resource{{ARN: placeOf(kind), Role: victim}}
		}
	}
	var granted []object
	for i, n := range tech.Needs {
		if i != without {
			granted = append(granted, grantOf(tech, n, victim))
		}
	}
	s.put(tech, granted)
	return s
}

func placeOf(kind string) string {
	return strings.NewReplacer(":R:A:", ":eu-west-1:"+account+":", "/N", "/thing", ":N", ":thing").Replace(arns[kind])
}

func grantOf(tech *Technique, n Need, victim string) object {
	switch n.On {
	case "target":
		st := allow(n.Action, map[Target]string{SelfUser: attackU, SelfRole: attackR, OwnGroup: "arn:aws:iam::123456789012:group/g", OtherGroup: "arn:aws:iam::123456789012:group/g", OtherUser: victim, OtherRole: victim}[tech.Target])
		if tech.Passed {
			st["Condition"] = object{"StringEquals": object{"iam:PassedToService": tech.Service}}
		}
		return st
	case "trust":
		return allow(n.Action, victim)
	case "policy":
		if tech.Target == OwnPolicy {
			return allow(n.Action, ownPol)
		}
		return allow(n.Action, theirs)
	case "*":
		return allow(n.Action, "*")
	}
	return allow(n.Action, placeOf(n.On))
}

// put gives the attacker what was granted, and makes whom the technique is upon.
func (s *scene) put(tech *Technique, granted []object) {
	harmless := statements(allow("s3:ListAllMyBuckets", "*"))
	list := "UserPolicyList"
	if !s.user {
		list = "RolePolicyList"
	}
	own := []object{}
	if len(granted) > 0 {
		own = append(own, inlined("granted", statements(granted...)))
	}
	switch tech.Gain {
	case Unbound: // an administrator whom only a boundary holds
		s.others["Policies"] = []object{policyOf(ownPol, statements(append(granted, allow("s3:ListAllMyBuckets", "*"))...))}
		s.attacker["PermissionsBoundary"] = object{"PermissionsBoundaryArn": ownPol}
		own = []object{inlined("admin", anything)}
	case Undeny: // one whom only a policy that denies holds
		denied := statements(deny(object{"NotAction": append(actions(granted), "x:y"), "Resource": "*"}))
		own = []object{inlined("admin", anything)}
		if strings.Contains(tech.Needs[0].Action, "Detach") {
			s.others["Policies"] = []object{policyOf(ownPol, denied)}
			s.attacker["AttachedManagedPolicies"] = attachment(ownPol)
		} else {
			own = append(own, inlined("denies", denied))
		}
	case OldVersions:
		s.others["Policies"] = []object{policyOf(ownPol, anything, harmless)}
		s.attacker["AttachedManagedPolicies"] = attachment(ownPol)
	}
	switch tech.Target {
	case OwnPolicy:
		if tech.Gain == Everything {
			s.others["Policies"] = []object{policyOf(ownPol, harmless)}
			s.attacker["AttachedManagedPolicies"] = attachment(ownPol)
		}
	case OwnGroup, OtherGroup:
		g := object{"Arn": "arn:aws:iam::123456789012:group/g", "GroupName": "g", "GroupPolicyList": []object{inlined("p", anything)}}
		if tech.Target == OwnGroup {
			g["GroupPolicyList"] = []object{inlined("p", harmless)}
			s.attacker["GroupList"] = []string{"g"}
		}
		s.others["GroupDetailList"] = []object{g}
	case OtherUser, OtherRole:
		s.victim(tech, harmless)
	}
	s.attacker[list] = own
}

func actions(granted []object) []any {
	var all []any
	for _, g := range granted {
		all = append(all, g["Action"])
	}
	return all
}

func (s *scene) victim(tech *Technique, harmless object) {
	has := anything
	if tech.Gain == BecomeAll {
		has = harmless
	}
	if tech.Target == OtherUser {
		s.others["victim"] = object{"Arn": victimU, "UserName": "b", "UserPolicyList": []object{inlined("p", has)}}
		return
	}
	trust := trustOf(object{"Service": "unrelated.amazonaws.com"})
	for _, n := range tech.Needs {
		if n.On == "trust" {
			trust = trustOf(object{"AWS": "arn:aws:iam::" + account + ":root"})
		}
	}
	if tech.Service != "" {
		trust = trustOf(object{"Service": tech.Service})
	}
	b := object{"Arn": victimR, "RoleName": "b", "AssumeRolePolicyDocument": trust, "RolePolicyList": []object{inlined("p", has)}}
	if tech.Profile {
		b["InstanceProfileList"] = []object{{"Arn": "arn:aws:iam::123456789012:instance-profile/b"}}
	}
	if slices.ContainsFunc(tech.Needs, func(n Need) bool { return n.On == "policy" }) {
		s.others["Policies"] = []object{policyOf(theirs, harmless)}
		b["AttachedManagedPolicies"] = attachment(theirs)
	}
	s.others["victim"] = b
}

func (s *scene) account(t *testing.T) *Account {
	users, roles := []object{}, []object{}
	if s.user {
		users = append(users, s.attacker)
	} else {
		roles = append(roles, s.attacker)
	}
	if v, ok := s.others["victim"].(object); ok {
		if v["Arn"] == victimU {
			users = append(users, v)
		} else {
			roles = append(roles, v)
		}
	}
	d := object{"UserDetailList": users, "RoleDetailList": roles, "GroupDetailList": s.others["GroupDetailList"], "Policies": s.others["Policies"]}
	a := parse(t, d)
	a.Resources = s.resources
	return a
}

// TestEveryTechniqueIsFound: an account in which a technique is the only way up
// has that one path, and the same account without one of its permissions has
// none.
func TestEveryTechniqueIsFound(t *testing.T) {
	for i := range catalogue {
		tech := &catalogue[i]
		t.Run(tech.ID, func(t *testing.T) {
			s := sceneOf(tech, -1)
			arn := s.attacker["Arn"].(string)
			r := Find(s.account(t), arn)
			if len(r.Paths) != 1 || len(r.Paths[0].Steps) != 1 || r.Paths[0].Steps[0].Technique != tech.ID || !r.Paths[0].Certain() {
				t.Errorf("found %v, notes %q", shown(r), r.Notes)
			}
			for n := range tech.Needs {
				if r := Find(sceneOf(tech, n).account(t), arn); len(r.Paths) != 0 {
					t.Errorf("without %s it found %v", tech.Needs[n].Action, shown(r))
				}
			}
		})
	}
}

// What must be there and is not, or is not the target's, is no way.
func TestWithoutWhatMustBeThere(t *testing.T) {
	for i := range catalogue {
		tech := &catalogue[i]
		for _, kind := range append(slices.Clone(tech.Exists), tech.Runs) {
			if kind == "" {
				continue
			}
			s := sceneOf(tech, -1)
			s.resources[kind] = nil
			if r := Find(s.account(t), attackU); len(r.Paths) != 0 {
				t.Errorf("%s without %s: found %v", tech.ID, kind, shown(r))
			}
			delete(s.resources, kind)
			r := Find(s.account(t), attackU)
			if !slices.ContainsFunc(r.Paths, func(p Path) bool {
				return p.Steps[0].Technique == tech.ID && slices.Contains(p.Steps[0].Conditions, words[kind])
			}) {
				t.Errorf("%s with %s not known: found %v", tech.ID, kind, shown(r))
			}
		}
	}
}

func shown(r *Report) []string {
	all := []string{}
	for i := range r.Paths {
		all = append(all, r.Paths[i].Steps[0].Technique+": "+r.Paths[i].String())
	}
	return all
}

func TestTheCatalogueIsWhole(t *testing.T) {
	if n := len(Catalogue()); n < 65 {
		t.Errorf("%d techniques", n)
	}
	seen := map[string]bool{}
	for _, c := range Catalogue() {
		if seen[c.ID] || !strings.HasPrefix(c.Source, "https://") || len(c.Needs) == 0 || c.Target == 0 || c.Gain == 0 {
			t.Errorf("%+v", c)
		}
		seen[c.ID] = true
		for _, n := range c.Needs {
			if _, ok := arns[n.On]; !ok && n.On != "target" && n.On != "policy" && n.On != "trust" && n.On != "*" {
				t.Errorf("%s: the kind %s has no ARN", c.ID, n.On)
			}
		}
		for _, kind := range append(slices.Clone(c.Exists), c.Runs) {
			if kind != "" && words[kind] == "" {
				t.Errorf("%s: the kind %s has no words", c.ID, kind)
			}
		}
	}
}
