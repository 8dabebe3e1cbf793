package policy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"cloister/policy"
)

// A case file is a list of cases, each "=== name" and sections "-- word word --"
// with lines of text. Lines that begin with # are comments, outside sections.

type section struct {
	words []string
	body  string
	line  int
}

type textCase struct {
	name     string
	sections []section
}

func readCases(t testing.TB, file string) []textCase {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []textCase
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		var c *textCase
		if len(cases) > 0 {
			c = &cases[len(cases)-1]
		}
		switch {
		case strings.HasPrefix(line, "=== "):
			cases = append(cases, textCase{name: line[4:]})
		case strings.HasPrefix(line, "-- ") && strings.HasSuffix(line, " --"):
			c.sections = append(c.sections, section{words: strings.Fields(strings.Trim(line, "-")), line: n})
		case c != nil && len(c.sections) > 0:
			c.sections[len(c.sections)-1].body += line + "\n"
		case line != "" && !strings.HasPrefix(line, "#"):
			t.Fatalf("%s:%d: text outside a section", file, n)
		}
	}
	if err := in.Err(); err != nil || len(cases) == 0 {
		t.Fatalf("%s: %d cases, %v", file, len(cases), err)
	}
	return cases
}

// TestEvaluation runs testdata/evaluation.txt: sections of policies, then any
// number of requests with the answer that each must get.
func TestEvaluation(t *testing.T) {
	for _, c := range readCases(t, "testdata/evaluation.txt") {
		t.Run(c.name, func(t *testing.T) {
			ps, asked := &policy.Policies{}, 0
			for _, s := range c.sections {
				if s.words[0] == "request" {
					ask(t, ps, s)
					asked++
				} else {
					addSection(t, ps, s)
				}
			}
			if asked == 0 {
				t.Fatal("the case asks nothing")
			}
		})
	}
}

var sectionKinds = map[string]policy.Kind{
	"identity": policy.KindIdentity, "resource": policy.KindResource, "trust": policy.KindTrust, "boundary": policy.KindBoundary,
	"session": policy.KindSession, "scp": policy.KindOrganization, "rcp": policy.KindResourceOrganization,
}

func addSection(t *testing.T, ps *policy.Policies, s section) {
	t.Helper()
	kind, ok := sectionKinds[s.words[0]]
	if !ok {
		t.Fatalf("line %d: unknown section %q", s.line, s.words)
	}
	var all []policy.Named
	if strings.TrimSpace(s.body) != "" {
		all = append(all, named(t, kind, strings.Join(s.words, " "), s.body))
	}
	switch s.words[0] {
	case "identity":
		ps.Identity = append(ps.Identity, all...)
	case "resource", "trust":
		ps.Resource = &all[0]
	case "boundary":
		ps.Boundary = &all[0]
	case "session":
		ps.Session, ps.HasSession = append(ps.Session, all...), true
	case "scp":
		ps.Organization = append(ps.Organization, all)
	case "rcp":
		ps.ResourceOrganization = append(ps.ResourceOrganization, all)
	}
}

// ask reads a request of lines "caller NAME", "action A", "resource R",
// "owner ACCOUNT", "required", "key K = V" (repeated for more values), and
// then "-> REASON" and optionally "message TEXT".
func ask(t *testing.T, ps *policy.Policies, s section) {
	t.Helper()
	req, ctx := &policy.Request{}, policy.MapContext{}
	req.Context = ctx
	for i, line := range strings.Split(s.body, "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "":
		case "caller":
			req.Principal = caller(t, rest)
		case "action":
			req.Action = rest
		case "resource":
			req.Resource = rest
		case "owner":
			req.ResourceAccount = rest
		case "required":
			req.ResourcePolicyRequired = true
		case "key":
			key, value, _ := strings.Cut(rest, " =")
			ctx[strings.ToLower(key)] = append(ctx[strings.ToLower(key)], strings.TrimPrefix(value, " "))
		case "->":
			if got := describe(policy.Evaluate(ps, req)); got != rest {
				t.Errorf("line %d: got %q, want %q", s.line+i+1, got, rest)
			}
		case "message":
			if got := policy.Evaluate(ps, req).Message(req); got != rest {
				t.Errorf("line %d: message\n got %q\nwant %q", s.line+i+1, got, rest)
			}
		default:
			t.Fatalf("line %d: unknown word %q", s.line+i+1, word)
		}
	}
}

// describe writes a decision with the statement that made it, counted from 1.
func describe(d policy.Decision) string {
	if d.Policy == nil {
		return d.Reason.String()
	}
	return fmt.Sprintf("%s: %s %d", d.Reason, d.Policy.Name, d.Statement+1)
}

// caller reads "anonymous", "service NAME", "federated PROVIDER", an ARN, or
// "SESSION-ARN of ROLE-OR-USER-ARN".
func caller(t *testing.T, text string) policy.Principal {
	t.Helper()
	f := strings.Fields(text)
	p := policy.Principal{}
	switch {
	case f[0] == "anonymous":
		return p
	case f[0] == "service":
		return policy.Principal{Kind: policy.PrincipalService, Service: f[1]}
	case f[0] == "federated":
		return policy.Principal{Kind: policy.PrincipalFederated, Provider: f[1]}
	}
	p.ARN, p.Account = f[0], strings.Split(f[0], ":")[4]
	if len(f) == 3 {
		p.RoleARN = f[2]
	}
	for part, kind := range map[string]policy.PrincipalKind{
		":root": policy.PrincipalRoot, ":user/": policy.PrincipalUser, ":assumed-role/": policy.PrincipalAssumedRole, ":federated-user/": policy.PrincipalFederatedUser,
	} {
		if strings.Contains(p.ARN, part) {
			p.Kind = kind
		}
	}
	return p
}

// TestConditions runs testdata/conditions.txt. Each line is one statement that
// allows with one condition, and the answer it gives for one context:
//
//	OPERATOR KEY WANTED | KEY=VALUES … | true or false
//
// WANTED and VALUES are JSON. The same condition in a Deny must give the same
// answer, unless the line says "deny differs".
func TestConditions(t *testing.T) {
	text, err := os.ReadFile("testdata/conditions.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		lines++
		t.Run(fmt.Sprintf("line%d", i+1), func(t *testing.T) { conditionLine(t, line) })
	}
	if lines < 100 {
		t.Errorf("only %d lines", lines)
	}
}

func conditionLine(t *testing.T, line string) {
	f := strings.Split(line, " | ")
	if len(f) != 3 {
		t.Fatalf("not three fields: %s", line)
	}
	w := strings.SplitN(strings.TrimSpace(f[0]), " ", 3)
	condition := fmt.Sprintf(`{%q:{%q:%s}}`, w[0], w[1], w[2])
	req := &policy.Request{
		Principal: policy.Principal{Kind: policy.PrincipalUser, ARN: "arn:aws:iam::123456789012:user/u", Account: "123456789012"},
		Action:    "a:B", Resource: "*", Context: lineContext(t, f[1]),
	}
	answer, differs := strings.CutSuffix(strings.TrimSpace(f[2]), ", deny differs")
	if got := conditionApplies(t, "Allow", condition, req); fmt.Sprint(got) != answer {
		t.Errorf("%s: got %v in an Allow", line, got)
	}
	if got := conditionApplies(t, "Deny", condition, req); (fmt.Sprint(got) != answer) != differs {
		t.Errorf("%s: got %v in a Deny", line, got)
	}
}

func conditionApplies(t *testing.T, effect, condition string, req *policy.Request) bool {
	text := document(fmt.Sprintf(`{"Effect":%q,"Action":"a:B","Resource":"*","Condition":%s}`, effect, condition))
	d := policy.Evaluate(&policy.Policies{Identity: []policy.Named{named(t, policy.KindIdentity, "p", text)}}, req)
	return d.Policy != nil
}

func lineContext(t *testing.T, text string) policy.MapContext {
	ctx := policy.MapContext{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		key, rest, _ := strings.Cut(text, "=")
		d := json.NewDecoder(strings.NewReader(rest))
		var values []string
		if err := d.Decode(&values); err != nil {
			t.Fatalf("%s: %v", rest, err)
		}
		ctx[key] = values
		text = rest[d.InputOffset():]
	}
	return ctx
}

// TestSyntax runs testdata/syntax.txt: sections "-- KIND … --" with a policy,
// each followed by "-- error --" with what Parse must say, or "-- ok --".
func TestSyntax(t *testing.T) {
	for _, c := range readCases(t, "testdata/syntax.txt") {
		t.Run(c.name, func(t *testing.T) {
			for i := 0; i+1 < len(c.sections); i += 2 {
				text, want := c.sections[i], c.sections[i+1]
				for _, word := range text.words {
					checkSyntax(t, word, strings.TrimSuffix(text.body, "\n"), want)
				}
			}
		})
	}
}

func checkSyntax(t *testing.T, kind, text string, want section) {
	t.Helper()
	k, known := sectionKinds[kind]
	if !known {
		t.Fatalf("unknown kind %q", kind)
	}
	_, err := policy.Parse(k, []byte(text))
	switch {
	case want.words[0] == "ok" && err != nil:
		t.Errorf("line %d: %s: %v", want.line, kind, err)
	case want.words[0] == "error" && (err == nil || err.Error() != strings.TrimSpace(want.body)):
		t.Errorf("line %d: %s\n got %v\nwant %s", want.line, kind, err, want.body)
	}
}
