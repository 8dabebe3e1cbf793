package guardrail

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cloister/policy"
)

var app = Subject{Account: account, Resource: "arn:aws:iam::123456789012:role/app", Time: now}

// TestOpenTrust reads testdata/opentrust.txt: a comment, a trust policy's
// statements, and after an arrow whom it is open to, or "no".
func TestOpenTrust(t *testing.T) {
	eachCase(t, "testdata/opentrust.txt", func(t *testing.T, statements string) string {
		who, open := openTo(&app, parse(t, policy.KindTrust, `{"Version":"2012-10-17","Statement":[`+statements+`]}`))
		if !open {
			return "no"
		}
		return who
	})
}

// TestSharedIssuers reads testdata/sharedissuer.txt likewise: whose users are
// trusted, or "no".
func TestSharedIssuers(t *testing.T) {
	eachCase(t, "testdata/sharedissuer.txt", func(t *testing.T, statements string) string {
		trust := parse(t, policy.KindTrust, `{"Version":"2012-10-17","Statement":[`+statements+`]}`)
		for i := range sharedIssuers {
			open, err := sharedIssuers[i].lets(&app, trust)
			if err != nil {
				t.Fatal(err)
			}
			if open {
				return sharedIssuers[i].name
			}
		}
		return "no"
	})
}

// adviceIn is the condition that a refusal advises.
func adviceIn(i *sharedIssuer) string {
	_, condition, _ := strings.Cut(i.instead(), "for example ")
	return "{" + strings.TrimSuffix(condition, ".") + "}"
}

// What every shared issuer's refusal advises is let pass.
func TestAdviceForSharedIssuers(t *testing.T) {
	for i := range sharedIssuers {
		issuer := &sharedIssuers[i]
		statement := `{"Effect":"Allow","Principal":{"Federated":"` + issuer.provider(app.Account) + `"},"Action":"sts:AssumeRoleWithWebIdentity"`
		bare := parse(t, policy.KindTrust, `{"Statement":`+statement+`}}`)
		advised := parse(t, policy.KindTrust, `{"Statement":`+statement+`,"Condition":`+adviceIn(issuer)+`}}`)
		if open, err := issuer.lets(&app, bare); err != nil || !open {
			t.Errorf("%s without a condition: %v %v", issuer.name, open, err)
		}
		if open, err := issuer.lets(&app, advised); err != nil || open {
			t.Errorf("%s as advised: %v %v", issuer.name, open, err)
		}
	}
}

// TestTrustLetsLambda reads testdata/letslambda.txt likewise.
func TestTrustLetsLambda(t *testing.T) {
	eachCase(t, "testdata/letslambda.txt", func(t *testing.T, statements string) string {
		trust := parse(t, policy.KindTrust, `{"Version":"2012-10-17","Statement":`+statements+`}`)
		yes, err := lets(trust, app.Resource, account, "lambda.amazonaws.com")
		if err != nil {
			t.Fatal(err)
		}
		return map[bool]string{true: "yes", false: "no"}[yes]
	})
}

// Whoever is let in among however many others is found; and without such a
// statement, and without one for everybody, nobody is.
func TestLambdaIsFoundAmongOthers(t *testing.T) {
	others := []string{
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}`,
		`{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","ecs-tasks.amazonaws.com"]},"Action":"sts:AssumeRole"}`,
		`{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:TagSession"}`,
		`{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceAccount":"1"}}}`,
	}
	ways := []string{
		`{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]},"Action":"sts:*"}`,
		`{"Effect":"Allow","Principal":"*","Action":"sts:Assume*","Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}}`,
		`{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam::123456789012:user/x"},"Action":["sts:AssumeRole"]}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.SampledFrom(others), 1, 4).Draw(t, "others")
		want := rapid.Bool().Draw(t, "lets")
		if want {
			all = append(all, rapid.SampledFrom(ways).Draw(t, "way"))
		}
		text := "["
		for i, s := range rapid.Permutation(all).Draw(t, "order") {
			if i > 0 {
				text += ","
			}
			text += s
		}
		trust := parse(t, policy.KindTrust, `{"Statement":`+text+`]}`)
		if got, err := lets(trust, app.Resource, account, "lambda.amazonaws.com"); err != nil || got != want {
			t.Fatalf("%s: %v %v, want %v", text, got, err, want)
		}
	})
}

func TestUnsupportedRuntimes(t *testing.T) {
	for _, c := range []struct {
		runtime, on string
		want        bool
	}{
		{"nodejs20.x", "2026-04-30", false}, {"nodejs20.x", "2026-05-01", true}, {"python3.11", "2026-11-24", false},
		{"python3.10", "2026-11-24", true}, {"provided.al2", "2026-11-24", true}, {"provided.al2023", "2026-11-24", false},
		{"cobol85", "2026-11-24", false},
	} {
		at := day(t, c.on)
		if _, got := Unsupported(c.runtime, at); got != c.want {
			t.Errorf("%s on %s: %v", c.runtime, c.on, got)
		}
	}
}

func day(t *testing.T, text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.Add(23 * time.Hour)
}

// Every runtime of the table has a date that is one, and a maker with a source;
// the one to use instead is in the table and outlives the others.
func TestTableOfRuntimes(t *testing.T) {
	for _, s := range supported {
		day(t, s.ends)
		known := false
		for _, m := range makers {
			known = known || strings.HasPrefix(s.runtime, m.prefix)
		}
		if !known {
			t.Errorf("%s has no maker", s.runtime)
		}
	}
	for _, m := range makers {
		if _, old := Unsupported(m.newest, now.AddDate(1, 0, 0)); old || !slices.ContainsFunc(supported, func(s support) bool { return s.runtime == m.newest }) {
			t.Errorf("%s is not to be recommended", m.newest)
		}
	}
}
