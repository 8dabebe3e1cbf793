package guardrail

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cloister/internal/awsapi"
	iamapi "cloister/internal/awsapi/iam"
	lambdaapi "cloister/internal/awsapi/lambda"
	logsapi "cloister/internal/awsapi/logs"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/policy"
)

const account = "123456789012"

var (
	services = []*awsapi.Service{&iamapi.Service, &stsapi.Service, &lambdaapi.Service, &logsapi.Service}
	now      = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	alice    = Subject{Account: account, Resource: "arn:aws:iam::123456789012:user/alice", Time: now}
)

func parse(t interface{ Fatalf(string, ...any) }, kind policy.Kind, text string) *policy.Policy {
	p, err := policy.Parse(kind, []byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

// TestFullAccess reads testdata/fullaccess.txt: a comment, a policy's
// statements, and after an arrow the statements that give everything, or "no".
func TestFullAccess(t *testing.T) {
	eachCase(t, "testdata/fullaccess.txt", func(t *testing.T, statements string) string {
		p := parse(t, policy.KindIdentity, `{"Version":"2012-10-17","Statement":[`+statements+`]}`)
		by, yes := New(services...).everything(&alice, alice.Resource, p)
		if !yes {
			return "no"
		}
		return by
	})
}

func eachCase(t *testing.T, file string, run func(t *testing.T, in string) string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		name, rest, _ := strings.Cut(block, "\n")
		in, want, found := strings.Cut(rest, "\n-> ")
		if !found {
			t.Fatalf("not a case: %s", block)
		}
		t.Run(strings.TrimPrefix(name, "# "), func(t *testing.T) {
			if got := run(t, in); got != strings.TrimSpace(want) {
				t.Errorf("%s\n-> %s, want %s", in, got, want)
			}
		})
	}
}

// statement is one statement of a generated policy.
type statement struct {
	Effect      string
	Action      []string       `json:",omitempty"`
	NotAction   []string       `json:",omitempty"`
	Resource    []string       `json:",omitempty"`
	NotResource []string       `json:",omitempty"`
	Condition   map[string]any `json:",omitempty"`
}

func document(t *rapid.T, statements []statement) *policy.Policy {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, policy.KindIdentity, string(text))
}

// Writings of all actions, of all resources, and of conditions that restrict
// nothing: each alone covers everything.
var (
	allActions = [][]string{{"*"}, {"*:*"}, {"?*:*"}, {"*:?*"}, {"iam:*", "sts:*", "lambda:*", "logs:*"}, {"i*:*", "s*:*", "l*:*"}, {"*a*:*", "*o*:*", "*s*:*"}}
	noActions  = [][]string{{"none:None"}, {"iam:CreateNothing", "x:*"}, {"iam:ListAccountAliases"}}
	allThings  = [][]string{{"*"}, {"arn:aws:*"}, {"arn:aws:*:*:*:*"}, {"arn:aws:*:*:" + account + ":*"}, {"arn:aws:iam::*", "arn:aws:lambda:*", "arn:aws:logs:*"}, {"arn:*:*:*:*:*"}}
	noThings   = [][]string{{"arn:aws:x:::none"}, {"arn:aws:iam::" + account + ":user/ceo"}}
	noLimits   = []map[string]any{
		nil,
		{"StringLike": map[string]string{"aws:PrincipalArn": "*"}},
		{"Null": map[string]string{"x:NoSuchKey": "true"}},
		{"Bool": map[string]string{"aws:SecureTransport": "true"}},
		{"StringEquals": map[string]string{"aws:PrincipalAccount": account}},
		{"IpAddress": map[string][]string{"aws:SourceIp": {"0.0.0.0/1", "128.0.0.0/1"}}},
		{"DateGreaterThan": map[string]string{"aws:CurrentTime": "2020-01-01T00:00:00Z"}},
		{"DateLessThan": map[string]string{"aws:CurrentTime": "2099-01-01T00:00:00Z"}},
		{"StringEqualsIfExists": map[string]string{"x:NoSuchKey": "y"}},
		{"ForAllValues:StringEquals": map[string]string{"aws:TagKeys": "y"}},
		{"StringNotEquals": map[string]string{"aws:RequestedRegion": "nowhere-1"}},
	}
)

func drawEverything(t *rapid.T) statement {
	s := statement{Effect: "Allow", Condition: rapid.SampledFrom(noLimits).Draw(t, "condition")}
	if rapid.Bool().Draw(t, "not action") {
		s.NotAction = rapid.SampledFrom(noActions).Draw(t, "action")
	} else {
		s.Action = rapid.SampledFrom(allActions).Draw(t, "action")
	}
	if rapid.Bool().Draw(t, "not resource") {
		s.NotResource = rapid.SampledFrom(noThings).Draw(t, "resource")
	} else {
		s.Resource = rapid.SampledFrom(allThings).Draw(t, "resource")
	}
	return s
}

// split parts a statement by its actions or its resources into statements that
// say the same together.
func split(t *rapid.T, s statement) []statement {
	switch rapid.IntRange(0, 3).Draw(t, "split") {
	case 0:
		a, b := s, s
		a.Action, a.NotAction = []string{"iam:*"}, nil
		b.Action, b.NotAction = nil, []string{"iam:*"}
		return []statement{a, b}
	case 1:
		a, b := s, s
		a.Resource, a.NotResource = []string{"arn:aws:lambda:*"}, nil
		b.Resource, b.NotResource = nil, []string{"arn:aws:lambda:*"}
		return []statement{a, b}
	}
	return []statement{s}
}

// However everything is written, it is found; statements beside it that allow
// more or deny what nobody asks for hide nothing.
func TestEverythingIsFoundHoweverItIsWritten(t *testing.T) {
	g := New(services...)
	rapid.Check(t, func(t *rapid.T) {
		all := split(t, drawEverything(t))
		if rapid.Bool().Draw(t, "noise") {
			all = append(all, statement{Effect: "Deny", Action: []string{"none:*"}, Resource: []string{"*"}},
				statement{Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: []string{"arn:aws:s3:::b/*"}})
		}
		all = rapid.Permutation(all).Draw(t, "order")
		if _, yes := g.everything(&alice, "", document(t, all)); !yes {
			t.Fatalf("not found: %+v", all)
		}
	})
}

// A policy with a hole in it, a whole kind of action, kind of resource, or a
// condition that some callers fail, is never taken for one that gives
// everything.
func TestPoliciesWithAHoleAreNotEverything(t *testing.T) {
	g := New(services...)
	actions := []string{"iam:*", "lambda:*", "lambda:Delete*", "*:Create*", "logs:Put*", "iam:*"}
	things := []string{"arn:aws:iam::*", "arn:aws:lambda:*", "arn:aws:*:us-east-1:*", "arn:aws:lambda:*:*:function:*", "arn:aws:*role/*"}
	limits := []map[string]any{
		{"Bool": map[string]string{"aws:MultiFactorAuthPresent": "true"}},
		{"IpAddress": map[string]string{"aws:SourceIp": "203.0.113.0/24"}},
		{"StringEquals": map[string]string{"aws:RequestedRegion": "us-east-1"}},
		{"DateLessThan": map[string]string{"aws:CurrentTime": now.AddDate(0, 1, 0).Format(time.RFC3339)}},
		{"StringEquals": map[string]string{"aws:ResourceTag/team": "x"}},
	}
	rapid.Check(t, func(t *rapid.T) {
		all := split(t, drawEverything(t))
		switch rapid.IntRange(0, 2).Draw(t, "hole") {
		case 0:
			all = append(all, statement{Effect: "Deny", Action: []string{rapid.SampledFrom(actions).Draw(t, "denied")}, Resource: []string{"*"}})
		case 1:
			all = append(all, statement{Effect: "Deny", Action: []string{"*"}, Resource: []string{rapid.SampledFrom(things).Draw(t, "denied")}})
		case 2:
			limit := rapid.SampledFrom(limits).Draw(t, "limit")
			for i := range all {
				all[i].Condition = limit
			}
		}
		if by, yes := g.everything(&alice, "", document(t, all)); yes {
			t.Fatalf("%s taken for everything: %+v", by, all)
		}
	})
}

// Every action of every service that a node has is tried by one of the two
// ways: a policy of all of them by name is found, and is not when one service
// is left out.
func TestActionsOneByOne(t *testing.T) {
	for left := range len(services) + 1 {
		var actions []string
		for i, s := range services {
			if i != left {
				actions = append(actions, existing(s)...)
			}
		}
		text, _ := json.Marshal(actions)
		p := parse(t, policy.KindIdentity, fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":%s,"Resource":"*"}}`, text))
		if _, yes := New(services...).everything(&alice, "", p); yes != (left == len(services)) {
			t.Errorf("with service %d of %d left out: %v", left, len(services), yes)
		}
	}
}
