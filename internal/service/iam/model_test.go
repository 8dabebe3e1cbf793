package iam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cloister/internal/awsapi"
)

// The model is IAM as its documentation tells it, in maps. Calls are made on
// the service and on the model; both must give the same error code, and in the
// end lists must say the same and Check must find nothing wrong.

type modelEntity struct {
	attached, inline, groups map[string]bool
	keys                     []string
	boundary                 string
}

type modelPolicy struct {
	versions []int
	standard int
	last     int
}

type model struct {
	h        *harness
	t        *rapid.T
	prefix   string                             // of all names of this run
	entities map[string]map[string]*modelEntity // by kind and folded name
	policies map[string]*modelPolicy            // by folded name
}

var kindNames = []string{"User", "Group", "Role"}

func TestModel(t *testing.T) {
	h := newHarness(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		m := &model{h: h, t: rt, prefix: fmt.Sprintf("r%d-", run), policies: map[string]*modelPolicy{}, entities: map[string]map[string]*modelEntity{}}
		for _, kind := range kindNames {
			m.entities[kind] = map[string]*modelEntity{}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create":        m.create,
			"delete":        m.delete,
			"put inline":    m.putInline,
			"delete inline": m.deleteInline,
			"attach":        m.attach,
			"detach":        m.detach,
			"boundary":      m.boundary,
			"join":          m.join,
			"leave":         m.leave,
			"create policy": m.createPolicy,
			"delete policy": m.deletePolicy,
			"new version":   m.newVersion,
			"drop version":  m.dropVersion,
			"set default":   m.setDefault,
			"create key":    m.createKey,
			"delete key":    m.deleteKey,
			"":              m.compare,
		})
		if err := h.view(h.iam.Check); err != nil {
			rt.Fatalf("check: %v", err)
		}
	})
}

// call makes a call and fails unless its code is the wanted one.
func (m *model) call(want, operation string, in map[string]any) map[string]any {
	m.t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		m.t.Fatal(err)
	}
	answer, err := callers[operation](m.h, m.h.root(), string(text))
	var wire *awsapi.Error
	got := ""
	if errors.As(err, &wire) {
		got = wire.Code
	} else if err != nil {
		m.t.Fatalf("%s: %v", operation, err)
	}
	if got != want {
		m.t.Fatalf("%s %s gives %q (%v), the model says %q", operation, text, got, err, want)
	}
	out := map[string]any{}
	if answer != "" {
		if err := json.Unmarshal([]byte(answer), &out); err != nil {
			m.t.Fatal(err)
		}
	}
	return out
}

// pick draws a name in some case.
func (m *model) pick(what string) string {
	name := m.prefix + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(m.t, what)
	if rapid.Bool().Draw(m.t, "upper case") {
		return strings.ToUpper(name)
	}
	return name
}

func (m *model) kind() string { return rapid.SampledFrom(kindNames).Draw(m.t, "kind") }

func (m *model) policyARN(name string) string {
	return "arn:aws:iam::123456789012:policy/" + fold(name)
}

func missing(ok bool) string {
	if !ok {
		return "NoSuchEntity"
	}
	return ""
}

func (m *model) create(*rapid.T) {
	kind, name := m.kind(), m.pick("name")
	in := map[string]any{kind + "Name": name}
	if kind == "Role" {
		in["AssumeRolePolicyDocument"] = trustsRoot
	}
	want := ""
	if m.entities[kind][fold(name)] != nil {
		want = "EntityAlreadyExists"
	} else {
		m.entities[kind][fold(name)] = &modelEntity{attached: map[string]bool{}, inline: map[string]bool{}, groups: map[string]bool{}}
	}
	m.call(want, "Create"+kind, in)
}

func (m *model) members(group string) int {
	n := 0
	for _, u := range m.entities["User"] {
		if u.groups[group] {
			n++
		}
	}
	return n
}

func (m *model) delete(*rapid.T) {
	kind, name := m.kind(), m.pick("name")
	e := m.entities[kind][fold(name)]
	want := missing(e != nil)
	if e != nil {
		if len(e.attached)+len(e.inline)+len(e.groups)+len(e.keys) > 0 || kind == "Group" && m.members(fold(name)) > 0 {
			want = "DeleteConflict"
		} else {
			delete(m.entities[kind], fold(name))
		}
	}
	m.call(want, "Delete"+kind, map[string]any{kind + "Name": name})
}

func (m *model) putInline(*rapid.T) {
	kind, name, doc := m.kind(), m.pick("name"), m.pick("policy")
	e := m.entities[kind][fold(name)]
	if e != nil {
		e.inline[fold(doc)] = true
	}
	m.call(missing(e != nil), "Put"+kind+"Policy", map[string]any{kind + "Name": name, "PolicyName": doc, "PolicyDocument": allowList})
}

func (m *model) deleteInline(*rapid.T) {
	kind, name, doc := m.kind(), m.pick("name"), m.pick("policy")
	e := m.entities[kind][fold(name)]
	want := missing(e != nil && e.inline[fold(doc)])
	if e != nil {
		delete(e.inline, fold(doc))
	}
	m.call(want, "Delete"+kind+"Policy", map[string]any{kind + "Name": name, "PolicyName": doc})
}

func (m *model) attach(*rapid.T) {
	kind, name, p := m.kind(), m.pick("name"), fold(m.pick("policy"))
	e := m.entities[kind][fold(name)]
	ok := e != nil && m.policies[p] != nil
	if ok {
		e.attached[p] = true
	}
	m.call(missing(ok), "Attach"+kind+"Policy", map[string]any{kind + "Name": name, "PolicyArn": m.policyARN(p)})
}

func (m *model) detach(*rapid.T) {
	kind, name, p := m.kind(), m.pick("name"), fold(m.pick("policy"))
	e := m.entities[kind][fold(name)]
	want := missing(e != nil && e.attached[p])
	if e != nil {
		delete(e.attached, p)
	}
	m.call(want, "Detach"+kind+"Policy", map[string]any{kind + "Name": name, "PolicyArn": m.policyARN(p)})
}

func (m *model) boundary(*rapid.T) {
	kind := rapid.SampledFrom([]string{"User", "Role"}).Draw(m.t, "kind")
	name, p := m.pick("name"), fold(m.pick("policy"))
	e := m.entities[kind][fold(name)]
	if rapid.Bool().Draw(m.t, "remove") {
		if e != nil {
			e.boundary = ""
		}
		m.call(missing(e != nil), "Delete"+kind+"PermissionsBoundary", map[string]any{kind + "Name": name})
		return
	}
	ok := e != nil && m.policies[p] != nil
	if ok {
		e.boundary = p
	}
	m.call(missing(ok), "Put"+kind+"PermissionsBoundary", map[string]any{kind + "Name": name, "PermissionsBoundary": m.policyARN(p)})
}

func (m *model) join(*rapid.T) {
	user, group := m.pick("user"), m.pick("group")
	u, g := m.entities["User"][fold(user)], m.entities["Group"][fold(group)]
	if u != nil && g != nil {
		u.groups[fold(group)] = true
	}
	m.call(missing(u != nil && g != nil), "AddUserToGroup", map[string]any{"UserName": user, "GroupName": group})
}

func (m *model) leave(*rapid.T) {
	user, group := m.pick("user"), m.pick("group")
	u := m.entities["User"][fold(user)]
	want := missing(u != nil && u.groups[fold(group)])
	if u != nil {
		delete(u.groups, fold(group))
	}
	m.call(want, "RemoveUserFromGroup", map[string]any{"UserName": user, "GroupName": group})
}

func (m *model) createPolicy(*rapid.T) {
	name := fold(m.pick("policy"))
	want := ""
	if m.policies[name] != nil {
		want = "EntityAlreadyExists"
	} else {
		m.policies[name] = &modelPolicy{versions: []int{1}, standard: 1, last: 1}
	}
	m.call(want, "CreatePolicy", map[string]any{"PolicyName": name, "PolicyDocument": allowList})
}

func (m *model) inUse(name string) bool {
	for _, all := range m.entities {
		for _, e := range all {
			if e.attached[name] || e.boundary == name {
				return true
			}
		}
	}
	return false
}

func (m *model) deletePolicy(*rapid.T) {
	name := fold(m.pick("policy"))
	p := m.policies[name]
	want := missing(p != nil)
	if p != nil {
		if m.inUse(name) || len(p.versions) > 1 {
			want = "DeleteConflict"
		} else {
			delete(m.policies, name)
		}
	}
	m.call(want, "DeletePolicy", map[string]any{"PolicyArn": m.policyARN(name)})
}

func (m *model) newVersion(*rapid.T) {
	name, standard := fold(m.pick("policy")), rapid.Bool().Draw(m.t, "default")
	p := m.policies[name]
	want := missing(p != nil)
	if p != nil {
		if len(p.versions) == 5 {
			want = "LimitExceeded"
		} else {
			p.last++
			p.versions = append(p.versions, p.last)
			if standard {
				p.standard = p.last
			}
		}
	}
	m.call(want, "CreatePolicyVersion", map[string]any{"PolicyArn": m.policyARN(name), "PolicyDocument": denyList, "SetAsDefault": standard})
}

func (m *model) version() int { return rapid.IntRange(1, 8).Draw(m.t, "version") }

func (m *model) dropVersion(*rapid.T) {
	name, v := fold(m.pick("policy")), m.version()
	p := m.policies[name]
	want := missing(p != nil && slices.Contains(p.versions, v))
	if want == "" {
		if v == p.standard {
			want = "DeleteConflict"
		} else {
			p.versions = slices.DeleteFunc(p.versions, func(n int) bool { return n == v })
		}
	}
	m.call(want, "DeletePolicyVersion", map[string]any{"PolicyArn": m.policyARN(name), "VersionId": fmt.Sprintf("v%d", v)})
}

func (m *model) setDefault(*rapid.T) {
	name, v := fold(m.pick("policy")), m.version()
	p := m.policies[name]
	want := missing(p != nil && slices.Contains(p.versions, v))
	if want == "" {
		p.standard = v
	}
	m.call(want, "SetDefaultPolicyVersion", map[string]any{"PolicyArn": m.policyARN(name), "VersionId": fmt.Sprintf("v%d", v)})
}

func (m *model) createKey(*rapid.T) {
	name := m.pick("user")
	u := m.entities["User"][fold(name)]
	want := missing(u != nil)
	if u != nil && len(u.keys) == 2 {
		want = "LimitExceeded"
	}
	out := m.call(want, "CreateAccessKey", map[string]any{"UserName": name})
	if want == "" {
		id := out["AccessKey"].(map[string]any)["AccessKeyId"].(string)
		u.keys = append(u.keys, id)
		if _, code := m.h.credential(id, ""); code != "" {
			m.t.Fatalf("a new key gives %s", code)
		}
	}
}

func (m *model) deleteKey(*rapid.T) {
	name := m.pick("user")
	u := m.entities["User"][fold(name)]
	if u == nil || len(u.keys) == 0 {
		m.call("NoSuchEntity", "DeleteAccessKey", map[string]any{"UserName": name, "AccessKeyId": "AKIANOSUCHKEYNOSUCHK"})
		return
	}
	id := u.keys[0]
	u.keys = u.keys[1:]
	m.call("", "DeleteAccessKey", map[string]any{"UserName": name, "AccessKeyId": id})
	if _, err := m.h.iam.Credential(context.Background(), id, ""); err == nil {
		m.t.Fatal("a deleted key is good")
	}
}

// compare looks at one entity through the lists.
func (m *model) compare(*rapid.T) {
	kind, name := m.kind(), m.pick("name")
	e := m.entities[kind][fold(name)]
	if e == nil {
		m.call("NoSuchEntity", "List"+kind+"Policies", map[string]any{kind + "Name": name})
		return
	}
	in := map[string]any{kind + "Name": name}
	m.same(e.inline, m.call("", "List"+kind+"Policies", in)["PolicyNames"], "")
	m.same(e.attached, m.call("", "ListAttached"+kind+"Policies", in)["AttachedPolicies"], "PolicyName")
	if kind == "User" {
		m.same(e.groups, m.call("", "ListGroupsForUser", in)["Groups"], "GroupName")
	}
}

// same compares a set of names with a list of them, or of objects that have
// them in a member.
func (m *model) same(want map[string]bool, got any, member string) {
	m.t.Helper()
	list := got.([]any)
	for _, item := range list {
		if member != "" {
			item = item.(map[string]any)[member]
		}
		if !want[fold(item.(string))] {
			m.t.Fatalf("the list has %v, the model %v", list, want)
		}
	}
	if len(list) != len(want) {
		m.t.Fatalf("the list has %v, the model %v", list, want)
	}
}
