package generate_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cloister/policy"
	"cloister/policy/generate"
)

// TestCases runs testdata/cases.txt: after "-- name" come the uses, a line
// each, and after "->" what is written for them, statement by statement.
func TestCases(t *testing.T) {
	text, err := os.ReadFile("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut("\n"+string(text), "\n-- ")
	for c := range strings.SplitSeq(body, "\n-- ") {
		name, rest, _ := strings.Cut(c, "\n")
		given, want, _ := strings.Cut(rest, "->\n")
		t.Run(name, func(t *testing.T) {
			r := generate.From(readUses(t, given), generate.Managed)
			if got := shown(r); strings.TrimSpace(got) != strings.TrimSpace(want) {
				t.Errorf("wrote\n%s\nwant\n%s", got, want)
			}
			verify(t, readUses(t, given), r)
		})
	}
}

// readUses reads "action resource" lines; N.. repeats a line with # replaced by
// the numbers from 1 to N.
func readUses(t *testing.T, text string) []generate.Use {
	var all []generate.Use
	for line := range strings.Lines(text) {
		n, repeated, times := 1, line, 0
		if _, err := fmt.Sscanf(line, "%d.. ", &times); err == nil {
			n = times
			_, repeated, _ = strings.Cut(line, ".. ")
		}
		for i := range n {
			action, resource, ok := strings.Cut(strings.TrimSpace(strings.ReplaceAll(repeated, "#", fmt.Sprint(i+1))), " ")
			if !ok {
				t.Fatalf("%q is not an action and a resource", line)
			}
			all = append(all, generate.Use{Action: action, Resource: resource})
		}
	}
	return all
}

// shown is a result without the punctuation.
func shown(r generate.Result) string {
	var b strings.Builder
	for i, text := range r.Policies {
		if i > 0 {
			b.WriteString("next policy\n")
		}
		for line := range strings.Lines(text) {
			line = strings.Trim(line, " \n,")
			switch {
			case strings.HasPrefix(line, `"Effect"`), strings.HasPrefix(line, `"Version"`), strings.HasPrefix(line, `"Statement"`), strings.Trim(line, "[]{}") == "":
			case strings.HasPrefix(line, `"Action"`), strings.HasPrefix(line, `"Resource"`):
				b.WriteString(strings.TrimSuffix(line, " [") + "\n")
			default:
				b.WriteString("  " + line + "\n")
			}
		}
	}
	for _, l := range r.Left {
		fmt.Fprintf(&b, "left %s %s\n", l.Action, l.Resource)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note %s\n", n)
	}
	return b.String()
}

type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// verify holds a result against the package's laws.
func verify(t failer, uses []generate.Use, r generate.Result) {
	t.Helper()
	ps := parsed(t, r)
	for _, u := range uses {
		if slices.Contains(r.Left, u) {
			continue
		}
		if !allowed(ps, u.Action, u.Resource) {
			t.Errorf("%s on %s was used and is not allowed", u.Action, u.Resource)
		}
	}
}

func parsed(t failer, r generate.Result) *policy.Policies {
	t.Helper()
	ps := &policy.Policies{}
	for _, text := range r.Policies {
		p, err := policy.Parse(policy.KindIdentity, []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		ps.Identity = append(ps.Identity, policy.Named{Policy: p})
	}
	return ps
}

func allowed(ps *policy.Policies, action, resource string) bool {
	return policy.Evaluate(ps, &policy.Request{
		Principal: policy.Principal{Kind: policy.PrincipalAssumedRole, Account: "123456789012"},
		Action:    action, Resource: resource,
	}).Allowed
}

// names that try to be more than names
var part = rapid.SampledFrom([]string{"a", "b", "c", "1", "2", "17", "log-stream", "x-1", "x-2", "*", "?", "${aws:username}", "${", "$", "é", "a b", `"`, "\\", ""})

var resource = rapid.Custom(func(t *rapid.T) string {
	if rapid.IntRange(0, 9).Draw(t, "none") == 0 {
		return "*"
	}
	head := rapid.SampledFrom([]string{
		"arn:aws:s3:::", "arn:aws:logs:us-east-1:123456789012:log-group:", "arn:aws:logs:eu-west-1:123456789012:log-group:",
		"arn:aws:lambda:us-east-1:123456789012:function:", "arn:aws:iam::123456789012:role/", "arn:aws:sqs:us-east-1:123456789012:", "arn:aws:sns:us-east-1:123456789012:t",
		"arn:aws:dynamodb:us-east-1:123456789012:table/", "arn:aws:apigateway:us-east-1::/",
	}).Draw(t, "head")
	n := rapid.IntRange(0, 4).Draw(t, "parts")
	for range n {
		head += part.Draw(t, "part") + rapid.SampledFrom([]string{"/", ":", "", "-"}).Draw(t, "separator")
	}
	return head
})

var use = rapid.Custom(func(t *rapid.T) generate.Use {
	return generate.Use{
		Action:   rapid.SampledFrom([]string{"s3:GetObject", "s3:PutObject", "logs:PutLogEvents", "Logs:putLogEvents", "iam:PassRole", "lambda:InvokeFunction", "x:Y"}).Draw(t, "action"),
		Resource: resource.Draw(t, "resource"),
	}
})

// small quotas make every step of widening come up
var limits = rapid.SampledFrom([]generate.Limits{generate.Managed, generate.Inline, {Size: 400, Policies: 1}, {Size: 200, Policies: 2}, {Size: 60, Policies: 1}})

// bound is the widest pattern that a resource may become.
func bound(resource string) string {
	f := strings.SplitN(resource, ":", 6)
	if len(f) < 6 {
		return resource
	}
	head := strings.Join(f[:5], ":") + ":"
	if f[2] == "s3" {
		bucket, _, isObject := strings.Cut(f[5], "/")
		if !isObject {
			return resource
		}
		return head + bucket + "/"
	}
	if i := strings.IndexAny(f[5], "/:"); i >= 0 {
		return head + f[5][:i+1]
	}
	return head
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		uses := rapid.SliceOfN(use, 0, 40).Draw(t, "uses")
		l := limits.Draw(t, "limits")
		r := generate.From(uses, l)
		verify(t, uses, r)
		if len(r.Left) > 0 {
			t.Errorf("left %v", r.Left)
		}
		ps := parsed(t, r)

		// nothing that was not done, and nothing of another type, region, account or bucket
		probe := use.Draw(t, "probe")
		within := slices.ContainsFunc(uses, func(u generate.Use) bool {
			return strings.EqualFold(u.Action, probe.Action) && (u.Resource == "*" || strings.HasPrefix(probe.Resource, bound(u.Resource)))
		})
		if allowed(ps, probe.Action, probe.Resource) && !within {
			t.Errorf("%s on %s is allowed by\n%s", probe.Action, probe.Resource, shown(r))
		}
		if allowed(ps, "ec2:RunInstances", probe.Resource) || allowed(ps, "s3:GetObjectAcl", probe.Resource) {
			t.Errorf("an action that was not used is allowed by\n%s", shown(r))
		}

		// the order does not matter, nor how often, nor what is allowed already
		again := slices.Concat(uses, uses)
		slices.Reverse(again)
		same := func(u generate.Use) bool { return u.Action == probe.Action }
		everywhere := func(u generate.Use) bool { return u.Resource == "*" && strings.EqualFold(u.Action, probe.Action) }
		if allowed(ps, probe.Action, probe.Resource) && slices.ContainsFunc(uses, same) && !slices.ContainsFunc(uses, everywhere) {
			again = append(again, probe)
		}
		if s := generate.From(again, l); !slices.Equal(s.Policies, r.Policies) {
			t.Errorf("for the same uses it wrote first\n%s\nthen\n%s", shown(r), shown(s))
		}
	})
}

func TestLimitsAreKept(t *testing.T) {
	var uses []generate.Use
	for i := range 3000 {
		uses = append(uses, generate.Use{Action: "dynamodb:GetItem", Resource: fmt.Sprintf("arn:aws:dynamodb:us-east-1:123456789012:table/tenant-%d", i)})
	}
	for _, l := range []generate.Limits{generate.Managed, generate.Inline} {
		r := generate.From(uses, l)
		verify(t, uses, r)
		for _, p := range r.Policies {
			if n := len(strings.Join(strings.Fields(p), "")); n > l.Size {
				t.Errorf("a policy of %d characters, limit %d", n, l.Size)
			}
		}
		if len(r.Policies) > l.Policies || len(r.Widened) != 1 || !strings.HasSuffix(r.Widened[0].Pattern, "table/tenant-*") || len(r.Notes) == 0 {
			t.Errorf("%d policies, widened %+v, notes %q", len(r.Policies), r.Widened, r.Notes)
		}
	}
	few := generate.From(uses[:500], generate.Managed)
	if len(few.Policies) < 2 || len(few.Widened) != 0 || !strings.Contains(few.Notes[0], "belong together") {
		t.Errorf("it widens before it splits: %d policies, %+v, %q", len(few.Policies), few.Widened, few.Notes)
	}
}

func TestGranted(t *testing.T) {
	uses := []generate.Use{
		{"s3:GetObject", "arn:aws:s3:::b/k"},
		{"sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:alice-q"},
	}
	grants, err := generate.Granted([]generate.Named{
		{"mixed", `{"Version":"2012-10-17","Statement":[
			{"Sid":"One","Effect":"Allow","Action":["s3:Get*","s3:PutObject"],"Resource":["arn:aws:s3:::b/*","arn:aws:s3:::c/*"],"Condition":{"Bool":{"aws:SecureTransport":"true"}}},
			{"Effect":"Deny","Action":"*","Resource":"*"},
			{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:*:*:${aws:username}-q"},
			{"Effect":"Allow","NotAction":"s3:*","NotResource":"arn:aws:s3:::*"}]}`},
		{"idle", `{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}`},
		{"denies", `{"Statement":{"Effect":"Deny","Action":"ec2:*","Resource":"*"}}`},
	}, uses)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", grants)
	want := "[{Policy:mixed Used:true Statement:[{Index:0 Sid:One Used:true Actions:[s3:PutObject] Resources:[arn:aws:s3:::c/*]} " +
		"{Index:2 Sid: Used:true Actions:[] Resources:[]} {Index:3 Sid: Used:true Actions:[] Resources:[]}]} " +
		"{Policy:idle Used:false Statement:[{Index:0 Sid: Used:false Actions:[ec2:*] Resources:[*]}]} {Policy:denies Used:false Statement:[]}]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := generate.Granted([]generate.Named{{"broken", `{`}}, uses); err == nil {
		t.Error("a policy that is none has grants")
	}
}
