package organizations

import (
	"context"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
)

// Whatever is done to organisations, what the door is told from memory is what
// the store says, and the tables agree with each other.
func TestMemoryAgreesWithTheStore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHarness(t)
		top := h.organize()
		m := &mess{h: h, rt: rt, places: []string{top}, accounts: []string{doortest.Account}, policies: []string{"p-FullAWSAccess", "p-RCPFullAWSAccess"}}
		for range rapid.IntRange(5, 25).Draw(rt, "steps") {
			m.step(top)
			m.compare()
		}
		if err := h.DB.View(context.Background(), h.orgs.Check); err != nil {
			rt.Fatal(err)
		}
	})
}

// mess makes changes at random; what is refused is refused.
type mess struct {
	h                          *harness
	rt                         *rapid.T
	places, accounts, policies []string
}

func (m *mess) pick(list []string, label string) *string {
	return awsapi.Ptr(rapid.SampledFrom(list).Draw(m.rt, label))
}

func (m *mess) target() *string {
	return m.pick(append(append([]string{}, m.places...), m.accounts...), "target")
}

func (m *mess) step(top string) {
	h, kind := m.h, m.pick(policyTypes, "type")
	switch rapid.SampledFrom([]string{"account", "unit", "policy", "attach", "attach", "detach", "move", "enable", "disable", "update", "remove", "close", "delete unit", "delete policy"}).Draw(m.rt, "step") {
	case "account":
		if len(m.accounts) < 4 {
			m.accounts = append(m.accounts, h.newAccount("a"+string(rune('0'+len(m.accounts)))))
		}
	case "unit":
		out, err := door.Do(context.Background(), h.Door, h.Root(), api.OpCreateOrganizationalUnit,
			&api.CreateOrganizationalUnitRequest{ParentId: m.pick(m.places, "parent"), Name: m.pick([]string{"x", "y"}, "name")})
		if err == nil {
			m.places = append(m.places, *out.OrganizationalUnit.Id)
		}
	case "policy":
		content := denyRoles
		if *kind == rcp {
			content = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:*","Resource":"*"}]}`
		}
		m.policies = append(m.policies, h.newPolicy(*kind, newID("n", 8), content))
	case "attach":
		try(h, h.Root(), api.OpAttachPolicy, &api.AttachPolicyRequest{PolicyId: m.pick(m.policies, "policy"), TargetId: m.target()})
	case "detach":
		try(h, h.Root(), api.OpDetachPolicy, &api.DetachPolicyRequest{PolicyId: m.pick(m.policies, "policy"), TargetId: m.target()})
	case "move":
		try(h, h.Root(), api.OpMoveAccount, &api.MoveAccountRequest{AccountId: m.pick(m.accounts, "account"), SourceParentId: m.pick(m.places, "from"), DestinationParentId: m.pick(m.places, "to")})
	case "enable":
		try(h, h.Root(), api.OpEnablePolicyType, &api.EnablePolicyTypeRequest{RootId: &top, PolicyType: kind})
	case "disable":
		try(h, h.Root(), api.OpDisablePolicyType, &api.DisablePolicyTypeRequest{RootId: &top, PolicyType: kind})
	case "update":
		try(h, h.Root(), api.OpUpdatePolicy, &api.UpdatePolicyRequest{PolicyId: m.pick(m.policies, "policy"), Content: m.pick([]string{denyRoles, "{}"}, "content")})
	case "remove":
		try(h, h.Root(), api.OpRemoveAccountFromOrganization, &api.RemoveAccountFromOrganizationRequest{AccountId: m.pick(m.accounts, "account")})
	case "close":
		try(h, h.Root(), api.OpCloseAccount, &api.CloseAccountRequest{AccountId: m.pick(m.accounts, "account")})
	case "delete unit":
		try(h, h.Root(), api.OpDeleteOrganizationalUnit, &api.DeleteOrganizationalUnitRequest{OrganizationalUnitId: m.pick(m.places, "unit")})
	case "delete policy":
		try(h, h.Root(), api.OpDeletePolicy, &api.DeletePolicyRequest{PolicyId: m.pick(m.policies, "policy")})
	}
}

func (m *mess) compare() {
	for _, account := range m.accounts {
		var stored *door.Membership
		err := m.h.DB.View(context.Background(), func(r store.Reader) (err error) {
			stored, err = m.h.orgs.load(r, account)
			return err
		})
		if err != nil {
			m.rt.Fatal(err)
		}
		if told := m.h.of(account); !reflect.DeepEqual(told, stored) {
			m.rt.Fatalf("account %s is told as %+v and stored as %+v", account, told, stored)
		}
	}
}
