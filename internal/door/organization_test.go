package door_test

import (
	"errors"
	"strings"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	iam "cloister/internal/awsapi/iam"
	logs "cloister/internal/awsapi/logs"
	sts "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/policy"
)

const (
	foreign     = "210987654321"
	everything  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	toEveryone  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`
	noLogs      = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"logs:*","Resource":"*"}}`
	onlyIAM     = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}`
	nobodysLogs = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":["logs:*","iam:*"],"Resource":"*"}}`
	perimeter   = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"logs:*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-1"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}}}`
)

func level(t *testing.T, kind policy.Kind, texts ...string) []policy.Named {
	t.Helper()
	var all []policy.Named
	for _, text := range texts {
		p, err := policy.Parse(kind, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, policy.Named{Name: "organisation's", Policy: p})
	}
	return all
}

// member is the stage's account as an organisation's.
func member(services, resources [][]policy.Named) *door.Membership {
	return &door.Membership{
		Account: doortest.Account, Exists: true, Organization: "o-1", Management: "111111111111", Path: "o-1/r-1/",
		ServiceControl: services, ResourceControl: resources,
	}
}

// An organisation's policies limit whom they speak of, and nobody else.
func TestOrganizationsPolicies(t *testing.T) {
	scps := func(levels ...[]policy.Named) *door.Membership { return member(levels, nil) }
	rcps := func(levels ...[]policy.Named) *door.Membership { return member(nil, levels) }
	service, resourceKind := policy.KindOrganization, policy.KindResourceOrganization
	full := func(texts ...string) []policy.Named { return level(t, service, append(texts, everything)...) }
	open := func(texts ...string) []policy.Named { return level(t, resourceKind, append(texts, toEveryone)...) }
	for name, c := range map[string]struct {
		member *door.Membership
		who    func(s *stage) *door.Principal
		denied string // "" where the call is allowed
	}{
		"policies that limit nothing":     {scps(full(), full()), user, ""},
		"a deny at the root":              {scps(full(noLogs), full()), user, "with an explicit deny in a service control policy"},
		"a deny at the account":           {scps(full(), full(noLogs)), user, "with an explicit deny in a service control policy"},
		"a deny for the root user":        {scps(full(noLogs)), (*stage).rootUser, "with an explicit deny in a service control policy"},
		"a level that allows other calls": {scps(full(), level(t, service, onlyIAM)), user, "because no service control policy allows the logs:CreateLogGroup action"},
		"a level without any policy":      {scps(full(), nil), user, "because no service control policy allows the logs:CreateLogGroup action"},
		"a deny for a service":            {scps(full(noLogs)), events, ""},
		"a service-linked role":           {member([][]policy.Named{full(noLogs)}, [][]policy.Named{open(nobodysLogs)}), linked, ""},

		"resource policies that limit nothing": {rcps(open(), open()), user, ""},
		"a deny for everybody":                 {rcps(open(nobodysLogs)), user, "with an explicit deny in a resource control policy"},
		"a deny for services, too":             {rcps(open(), open(nobodysLogs)), events, "with an explicit deny in a resource control policy"},
		"no allow for resources":               {rcps(open(), nil), user, "because no resource control policy allows the logs:CreateLogGroup action"},
		"a stranger to the organisation":       {rcps(open(perimeter)), stranger, "with an explicit deny in a resource control policy"},
		"a member of the organisation":         {rcps(open(perimeter)), user, ""},
		"a service on its behalf":              {rcps(open(perimeter)), events, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.Accounts.Set(c.member)
			s.needs = func(*door.Call) []door.Need {
				return []door.Need{{Action: "logs:CreateLogGroup", Resource: resource, Account: doortest.Account, ResourcePolicy: resourcePolicy(t, toEveryone)}}
			}
			_, err := door.Do(t.Context(), s.Door, c.who(s), logs.OpCreateLogGroup, &logs.CreateLogGroupRequest{LogGroupName: awsapi.Ptr("g")})
			switch {
			case c.denied == "" && (err != nil || !s.has("g")):
				t.Errorf("denied: %v", err)
			case c.denied != "" && (err == nil || !strings.Contains(err.Error(), c.denied) || s.has("g")):
				t.Errorf("answers %v", err)
			case c.denied != "" && s.last(1).Needs[0].Context["aws:resourceorgid"][0] != "o-1":
				t.Errorf("the record has the keys %q", s.last(1).Needs[0].Context)
			}
		})
	}
}

func user(s *stage) *door.Principal { return s.User("u", allow("*")) }

func (s *stage) rootUser() *door.Principal { return s.Root() }

func events(*stage) *door.Principal {
	return door.ServicePrincipal("events.amazonaws.com", "arn:aws:events:us-east-1:123456789012:rule/r", doortest.Account)
}

// linked is a session of a role that only a service can make.
func linked(s *stage) *door.Principal {
	p := s.Role("linked", "s", allow("*"))
	p.RoleARN = "arn:aws:iam::123456789012:role/aws-service-role/x.amazonaws.com/linked"
	return p
}

// stranger is a user of another account, whose own policies allow everything.
func stranger(s *stage) *door.Principal {
	p := s.User("stranger", allow("*"))
	p.Account, p.ARN = foreign, "arn:aws:iam::"+foreign+":user/stranger"
	s.Users.Set(p, &policy.Policies{Identity: level(s.t.(*testing.T), policy.KindIdentity, everything)})
	return p
}

// Resource control policies count for the services that support them only.
func TestResourceControlIsForSomeServices(t *testing.T) {
	s := newStage(t)
	s.Accounts.Set(member(nil, [][]policy.Named{level(t, policy.KindResourceOrganization, nobodysLogs, toEveryone)}))
	answered(t, s.as(user(s), &iam.Service, getUser()), 200)
	answered(t, s.as(user(s), &logs.Service, createGroup("g")), 400, "resource control policy")
	for service, want := range map[string]bool{"sts": true, "STS": true, "kms": true, "logs": true, "lambda": false, "iam": false, "": false, "*": false} {
		if door.HasResourceControl(service) != want {
			t.Errorf("%q: %t", service, !want)
		}
	}
}

// Who is in a closed account, or in none that exists, is nobody; what is in it
// cannot be reached.
func TestClosedAccounts(t *testing.T) {
	for name, m := range map[string]*door.Membership{
		"closed": {Account: doortest.Account, Exists: true, Closed: true}, "none": {Account: doortest.Account},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.Accounts.Set(m)
			answered(t, s.as(user(s), &iam.Service, getUser()), 403, "InvalidClientTokenId")
			answered(t, s.as(user(s), &sts.Service, getCallerIdentity()), 403, "InvalidClientTokenId")
			answered(t, s.as(s.Root(), &iam.Service, getUser()), 403, "InvalidClientTokenId")
			if s.runs != 0 || s.last(3).Outcome != audit.Denied {
				t.Errorf("%d runs", s.runs)
			}
		})
	}
	s := newStage(t)
	s.Accounts.Set(&door.Membership{Account: foreign, Exists: true, Closed: true})
	s.needs = func(*door.Call) []door.Need {
		return []door.Need{{Action: "iam:GetUser", Resource: resource, Account: foreign, ResourcePolicy: resourcePolicy(t, toEveryone)}}
	}
	answered(t, s.as(user(s), &iam.Service, getUser()), 403, "because the account of the resource is closed")
	on := door.ServicePrincipal("events.amazonaws.com", "arn", foreign)
	if _, err := door.Do(t.Context(), s.Door, on, iam.OpGetUser, &iam.GetUserRequest{}); err == nil || s.runs != 0 {
		t.Errorf("a service acts for a closed account: %v", err)
	}
}

// What cannot be read denies, and is no permission denied.
func TestUnknownMembershipDenies(t *testing.T) {
	s := newStage(t)
	u := user(s)
	s.Accounts.Fail(errors.New("the disk is gone"))
	answered(t, s.as(u, &iam.Service, getUser()), 503, "ServiceUnavailable")
	answered(t, s.as(u, &sts.Service, getCallerIdentity()), 403, "InvalidClientTokenId")
	if s.runs != 0 {
		t.Errorf("%d runs", s.runs)
	}
	s.Accounts.Fail(nil)
	answered(t, s.as(u, &iam.Service, getUser()), 200)
}

// An account that is closed between the first decision and the transaction has
// nothing changed in it.
func TestClosedBetween(t *testing.T) {
	s := newStage(t)
	decisions := 0
	s.resolve = func(*door.Call) {
		if decisions++; decisions == 2 {
			s.Accounts.Set(&door.Membership{Account: doortest.Account, Exists: true, Closed: true})
		}
	}
	answered(t, s.as(user(s), &logs.Service, createGroup("g")), 400, "UnrecognizedClientException")
	if decisions != 2 || s.has("g") {
		t.Errorf("%d decisions", decisions)
	}
}
