package lint_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"cloister/policy"
	"cloister/policy/lint"
)

// refused are codes that IAM itself refuses a policy for when it is written (IAM
// User Guide, reference_policies_grammar.html): Parse must, too.
var refused = []string{
	"JSON_SYNTAX_ERROR", "DATA_TYPE_MISMATCH", "INVALID_POLICY_ELEMENT", "INVALID_VERSION", "MISSING_STATEMENT", "MISSING_EFFECT",
	"INVALID_EFFECT", "MISSING_ACTION", "MISSING_RESOURCE", "MISSING_PRINCIPAL", "UNSUPPORTED_PRINCIPAL", "UNSUPPORTED_SID",
	"UNIQUE_SIDS_REQUIRED", "UNSUPPORTED_ELEMENT_COMBINATION", "INVALID_CONDITION_OPERATOR", "NULL_WITH_IF_EXISTS", "INVALID_ARN_PREFIX",
	"INVALID_PRINCIPAL_KEY", "INVALID_PRINCIPAL_FORMAT", "UNSUPPORTED_WILDCARD_IN_PRINCIPAL", "MISSING_BRACE_IN_VARIABLE", "EMPTY_VARIABLE",
	"MISSING_QUOTE_IN_VARIABLE", "DUPLICATE_KEYS_WITH_DIFFERENT_CASE", "ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE", "SCP_SYNTAX_ERROR_PRINCIPAL",
	"RCP_SYNTAX_ERROR_PRINCIPAL", "RCP_SYNTAX_ERROR_NOTACTION", "CLOISTER_NOT_A_POLICY",
}

// laws are what holds for any text.
func laws(t rapid.TB, kind policy.Kind, text []byte) {
	found := lint.Check(kind, text)
	_, err := policy.Parse(kind, text)
	grave := slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Type == lint.Error })
	if err != nil && !grave {
		t.Fatalf("Parse refuses it (%v), and no finding is an error: %s", err, text)
	}
	for _, f := range found {
		if err == nil && slices.Contains(refused, f.Code) {
			t.Fatalf("%s at %s, and Parse takes it: %s", f.Code, f.Locations[0].Path, text)
		}
		if len(f.Locations) == 0 || f.Message == "" || strings.Contains(f.Message, "%!") && !strings.Contains(string(text), "%!") || !strings.HasPrefix(f.LearnMore, "https://") {
			t.Fatalf("unfinished finding %+v", f)
		}
		for _, l := range f.Locations {
			if l.Span.Start.Offset < 0 || l.Span.End.Offset < l.Span.Start.Offset || l.Span.End.Offset > utf8.RuneCount(text) {
				t.Fatalf("%+v is not in the text: %s", l, text)
			}
		}
	}
	if _, err := json.Marshal(found); err != nil {
		t.Fatal(err)
	}
}

var words = []string{
	"Version", "2012-10-17", "2008-10-17", "Statement", "Sid", "Effect", "Allow", "Deny", "Action", "NotAction", "Resource", "NotResource",
	"Principal", "NotPrincipal", "Condition", "AWS", "Service", "Federated", "*", "s3:GetObject", "s3:*", "sts:AssumeRole", "iam:PassRole",
	"lambda.amazonaws.com", "123456789012", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:username}", "arn:aws:iam::123456789012:role/r",
	"StringEquals", "StringLike", "ForAllValues:StringLike", "Null", "NullIfExists", "Bool", "NumericLessThan", "DateEquals", "IpAddress",
	"ArnLike", "aws:SourceIp", "aws:SourceArn", "aws:PrincipalTag/x", "aws:TagKeys", "s3:prefix", "${", "${}", "${x, y}", "true", "1", "10.0.0.0/8", "", "ä",
}

// drawJSON makes a JSON value of a policy's words.
func drawJSON(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind = max(kind, 2)
	}
	switch kind {
	case 0:
		out := map[string]any{}
		for range rapid.IntRange(0, 5).Draw(t, "members") {
			out[rapid.SampledFrom(words).Draw(t, "name")] = drawJSON(t, depth-1)
		}
		return out
	case 1:
		out := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			out = append(out, drawJSON(t, depth-1))
		}
		return out
	case 2:
		return rapid.SampledFrom([]any{1, 2.5, true, nil}).Draw(t, "scalar")
	}
	return rapid.SampledFrom(words).Draw(t, "word")
}

// drawStatement makes a statement that is nearly one.
func drawStatement(t *rapid.T) map[string]any {
	s := map[string]any{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
	for range rapid.IntRange(0, 4).Draw(t, "changes") {
		name := rapid.SampledFrom([]string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition"}).Draw(t, "element")
		if rapid.Bool().Draw(t, "remove") {
			delete(s, name)
		} else {
			s[name] = drawJSON(t, 3)
		}
	}
	return s
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var statements []any
		for range rapid.IntRange(0, 3).Draw(t, "statements") {
			statements = append(statements, drawStatement(t))
		}
		text, err := json.Marshal(map[string]any{"Version": rapid.SampledFrom(words[:4]).Draw(t, "version"), "Statement": statements})
		if err != nil {
			t.Fatal(err)
		}
		laws(t, policy.Kind(rapid.IntRange(0, len(kinds)-1).Draw(t, "policy")), text)
	})
}

func FuzzCheck(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i, c := range strings.Split(string(text), "\n\n") {
			asked, _, _ := strings.Cut(c, "\n----")
			if _, body, ok := strings.Cut(asked, "\n{"); ok {
				f.Add(uint8(i), []byte(`{"Version":"2012-10-17","Statement":{`+body+`}`))
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, text []byte) { laws(t, policy.Kind(kind%uint8(len(kinds))), text) })
}

// TestIdle: a statement that is called idle can be left out.
func TestIdle(t *testing.T) {
	pool := []string{
		`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`,
		`{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`, `{"Effect":"Deny","Action":"s3:G*","Resource":"*"}`,
		`{"Effect":"Allow","NotAction":"s3:Get*","Resource":"*"}`, `{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::b/*"}`,
		`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`,
		`{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		chosen := rapid.SliceOfN(rapid.SampledFrom(pool), 1, 6).Draw(t, "statements")
		parse := func(statements []string) *policy.Policy {
			p, err := policy.Parse(policy.KindIdentity, []byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		idle := parse(chosen).Idle()
		var kept []string
		for i, s := range chosen {
			if !slices.Contains(idle, i) {
				kept = append(kept, s)
			}
		}
		if len(kept) == 0 {
			t.Fatalf("nothing is left of %v", chosen)
		}
		// What denies is compared with everything beneath it.
		for _, under := range []string{"", `{"Effect":"Allow","Action":"*","Resource":"*"}`} {
			all, some := slices.Clone(chosen), slices.Clone(kept)
			if under != "" {
				all, some = append(all, under), append(some, under)
			}
			for _, pair := range [][2][]string{{all, some}, {some, all}} {
				if c, err := policy.Compare(parse(pair[0]), parse(pair[1])); err != nil || c.NewAccess {
					t.Fatalf("without %v it is another policy (%v): %v", idle, err, chosen)
				}
			}
		}
	})
}

// TestManagedPoliciesHaveNoErrors: AWS's policies, as this platform writes them,
// are as AWS would have them.
func TestManagedPoliciesHaveNoErrors(t *testing.T) {
	files, err := filepath.Glob("../../internal/service/iam/managed/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var managed struct{ Document json.RawMessage }
		if err := json.Unmarshal(text, &managed); err != nil || managed.Document == nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, f := range lint.Check(policy.KindIdentity, managed.Document) {
			if f.Type == lint.Error {
				t.Errorf("%s: %s at %s: %s", filepath.Base(file), f.Code, f.Locations[0].Path, f.Message)
			}
		}
	}
}

// TestBounds: texts made to be expensive are answered.
func TestBounds(t *testing.T) {
	many := func(n int, item string) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }
	for name, text := range map[string]string{
		"too long":        `{"Version":"` + strings.Repeat("x", lint.MaxSize) + `"}`,
		"wild actions":    `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[` + many(20_000, `"s3:*a*"`) + `],"Resource":"*"}}`,
		"wild resources":  `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":[` + many(10_000, `"arn:*a*b*c*d*"`) + `]}}`,
		"many statements": `{"Version":"2012-10-17","Statement":[` + many(3_000, `{"Effect":"Deny","Action":"*","Resource":"*b*"}`) + `]}`,
		"not ASCII":       `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[` + many(20_000, `"ä"`) + `],"Resource":"*"}}`,
	} {
		if found := lint.Check(policy.KindIdentity, []byte(text)); len(found) == 0 || len(found) > 1_000 {
			t.Errorf("%s: %d findings", name, len(found))
		}
	}
}
