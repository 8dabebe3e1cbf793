package policy_test

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strconv"
	"testing"

	"cloister/policy"
	"cloister/policy/naive"

	"pgregory.net/rapid"
)

// answers are the naive evaluator's words for the reasons.
var answers = map[policy.Reason]string{
	policy.AllowedByIdentity: "allow by identity", policy.AllowedByResource: "allow by resource", policy.AllowedByRoot: "allow by root",
	policy.ExplicitDenyRCP: "explicit deny by rcp", policy.ExplicitDenySCP: "explicit deny by scp", policy.ExplicitDenyResource: "explicit deny by resource",
	policy.ExplicitDenyIdentity: "explicit deny by identity", policy.ExplicitDenyBoundary: "explicit deny by boundary", policy.ExplicitDenySession: "explicit deny by session",
	policy.ImplicitDenyRCP: "implicit deny by rcp", policy.ImplicitDenySCP: "implicit deny by scp", policy.ImplicitDenyResource: "implicit deny by resource",
	policy.ImplicitDenyIdentity: "implicit deny by identity", policy.ImplicitDenyBoundary: "implicit deny by boundary", policy.ImplicitDenySession: "implicit deny by session",
}

// requestsPerSet is how many requests meet each generated set of policies.
const requestsPerSet = 5

// TestAgreesWithNaive compares the two evaluators on generated policy sets and
// requests: 25,000 decisions, or 1,000,000 with CLOISTER_LONG=1. Every reason
// must have come up, or the comparison says less than it seems to.
func TestAgreesWithNaive(t *testing.T) {
	decisions := 25_000
	if os.Getenv("CLOISTER_LONG") == "1" {
		decisions = 1_000_000
	}
	setChecks(t, decisions/requestsPerSet)
	came := map[policy.Reason]int{}
	rapid.Check(t, func(t *rapid.T) {
		trust := oneIn(t, 6, "trust")
		set := drawPolicies(t, trust)
		for range requestsPerSet {
			req := drawRequest(t, trust)
			d := policy.Evaluate(&set.fast, req)
			want := naive.Evaluate(set.plain, plainRequest(req))
			if answers[d.Reason] != want {
				t.Fatalf("Evaluate says %q, the naive evaluator %q", answers[d.Reason], want)
			}
			came[d.Reason]++
			checkDecision(t, &set.fast, req, d)
		}
	})
	for reason, name := range answers {
		if came[reason] == 0 {
			t.Errorf("no generated request ended with %q", name)
		}
	}
	t.Logf("reasons: %v", came)
}

// checkDecision holds a decision and its explanation to each other.
func checkDecision(t *rapid.T, ps *policy.Policies, req *policy.Request, d policy.Decision) {
	if d.Allowed != (d.Reason >= policy.AllowedByIdentity && d.Reason <= policy.AllowedByRoot) {
		t.Fatalf("allowed is %v for the reason %q", d.Allowed, d.Reason)
	}
	if (d.Policy == nil) != (d.Statement == -1) || (d.Policy == nil) != (d.Reason == policy.AllowedByRoot || !d.Allowed && !d.Reason.Explicit()) {
		t.Fatalf("%q is decided by policy %v, statement %d", d.Reason, d.Policy, d.Statement)
	}
	e := policy.Explain(ps, req)
	if e.Allowed != d.Allowed || e.Reason != d.Reason.String() || e.Message != d.Message(req) {
		t.Fatalf("the explanation is of another decision: %+v", e)
	}
	effect := map[bool]string{true: "Allow", false: "Deny"}[d.Allowed]
	if e.DecidedBy != nil && !explains(e, *e.DecidedBy, effect) {
		t.Fatalf("no step shows the statement that decided: %+v", e.DecidedBy)
	}
	for _, s := range e.Steps {
		if !d.Reason.Explicit() && s.Outcome == "explicit deny" {
			t.Fatalf("a step shows an explicit deny, which %q passes over", d.Reason)
		}
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back policy.Explanation
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(&back, e) {
		t.Fatalf("the explanation does not survive JSON (%v): %s", err, text)
	}
}

func explains(e *policy.Explanation, ref policy.StatementRef, effect string) bool {
	for _, step := range e.Steps {
		for _, p := range step.Policies {
			for _, s := range p.Statements {
				if s.StatementRef == ref && s.Applies && s.Effect == effect {
					return true
				}
			}
		}
	}
	return false
}

// setChecks sets rapid's number of checks for one test, unless the command line does.
func setChecks(t *testing.T, n int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	if f.Value.String() != f.DefValue {
		return
	}
	before := f.Value.String()
	if err := flag.Set("rapid.checks", strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", before) })
}
