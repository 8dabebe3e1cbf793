// Package generate writes the smallest policies that allow what was seen to be
// used, and says what a set of policies grants beyond that.
//
// Its laws: everything that was seen is allowed by what is written, which the
// evaluator decides before it is handed out; no action is allowed that was not
// seen; a resource is widened only where many of its neighbours were seen or
// where a quota demands it, never beyond its type in its region and account,
// and in S3 never beyond its bucket; no condition is invented. Names are
// written literally, whatever characters they have. The functions are pure and
// give the same for the same uses in any order.
package generate

import (
	"fmt"
	"unicode/utf8"

	"cloister/policy"
)

// Use is a permission that was used: an action, and the ARN of the resource,
// or * for an action without one.
type Use struct{ Action, Resource string }

// Limits are the quotas that policies must keep: the characters of one, white
// space not counted, and how many there may be
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
type Limits struct{ Size, Policies int }

// The quotas of a role.
var (
	Managed = Limits{Size: 6144, Policies: 10}
	Inline  = Limits{Size: 10240, Policies: 1}
)

// Result is what From made of the uses.
type Result struct {
	// Policies are documents of identity policies, as indented JSON. There is
	// more than one only where one would be too long.
	Policies []string
	// Widened are the patterns that allow more resources than were seen.
	Widened []Widening
	// Left are the uses that no policy can name, such as one with a resource
	// that is no ARN. No policy allows them.
	Left []Use
	// Notes say in words what was done to keep the limits, and where they
	// could not be kept.
	Notes []string
}

// Widening is a pattern of resources, how many of them were seen, and by which
// actions they were used.
type Widening struct {
	Pattern string
	Seen    int
	Actions []string
}

// From writes the policies that allow the uses. It splits before it widens, and
// widens step by step until the limits are kept, and no further than it helps.
func From(uses []Use, limits Limits) Result {
	seen, left := writable(uses)
	var r Result
	for i := range steps {
		statements, widened := cover(seen, &steps[i])
		texts := pack(statements, limits.Size)
		if i > 0 && len(texts) >= len(r.Policies) {
			continue
		}
		r = Result{Policies: texts, Widened: widened, Left: left}
		if i > 0 {
			r.Notes = append(r.Notes, "Resources were widened "+steps[i].words+", so that the policies keep their quotas.")
		}
		if len(texts) <= limits.Policies {
			break
		}
	}
	r.noteNumber(limits)
	return r.verified(seen)
}

func (r *Result) noteNumber(limits Limits) {
	switch n := len(r.Policies); {
	case n > limits.Policies:
		r.Notes = append(r.Notes, fmt.Sprintf("These are %d policies of at most %d characters: more than the quota of %d. Give the role less to do, or have the quota raised.", n, limits.Size, limits.Policies))
	case n > 1:
		r.Notes = append(r.Notes, fmt.Sprintf("One policy may have %d characters: these are %d, which belong together.", limits.Size, n))
	}
}

// verified takes out of the result whatever it does not allow, which by the
// package's law is nothing: it is told rather than trusted.
func (r Result) verified(seen uses) Result {
	var all policy.Policies
	for _, text := range r.Policies {
		p, err := policy.Parse(policy.KindIdentity, []byte(text))
		if err != nil {
			r.Notes = append(r.Notes, "A policy that was written is not one: "+err.Error())
			continue
		}
		all.Identity = append(all.Identity, policy.Named{Policy: p})
	}
	for _, action := range seen.actions() {
		for resource := range seen[action] {
			if !policy.Evaluate(&all, request(action, resource)).Allowed {
				r.Left = append(r.Left, Use{action, resource})
			}
		}
	}
	return r
}

// request is a question whose answer the statements alone decide.
func request(action, resource string) *policy.Request {
	return &policy.Request{
		Principal: policy.Principal{Kind: policy.PrincipalAssumedRole, Account: anyAccount},
		Action:    action, Resource: resource, ResourceAccount: anyAccount,
	}
}

const anyAccount = "000000000000"

// writable sorts out what a policy can name.
func writable(all []Use) (seen uses, left []Use) {
	seen = uses{}
	spelled := map[string]string{} // actions by their lower case
	known := map[Use]bool{}
	for _, u := range all {
		if !nameable(u) {
			if !known[u] {
				left = append(left, u)
			}
			known[u] = true
			continue
		}
		seen.add(u, spelled)
	}
	sortUses(left)
	return seen, left
}

func nameable(u Use) bool {
	ok := u.Resource == "*" || policy.IsARN(u.Resource)
	return ok && utf8.ValidString(u.Resource) && policy.IsAction(u.Action) && nameableAction(u.Action)
}
