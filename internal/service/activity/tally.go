package activity

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi/platform"
)

// query selects records.
type query struct {
	principal    string
	since, until time.Time
}

// tally counts permissions.
type tally map[permission]*platform.Activity

type permission struct {
	action, resource, reason, policy string
	allowed                          bool
}

// matches says whether a record is of the user, or of a session of the role. The
// role of a federated user is the user who vouches, and none of that.
func (q *query) matches(rec *audit.Record) bool {
	switch rec.Principal.Type {
	case "AssumedRole":
		return rec.Principal.RoleARN == q.principal
	case "IAMUser":
		return rec.Principal.ARN == q.principal
	}
	return false
}

// count adds what a record says of the principal. The permissions of a
// call that was refused in the end were of no use, so that only the one that it
// lacked counts.
func (q *query) count(rec *audit.Record, to tally) {
	if !q.matches(rec) || rec.Time.Before(q.since) || !q.until.IsZero() && !rec.Time.Before(q.until) {
		return
	}
	for i := range rec.Needs {
		n := &rec.Needs[i]
		if n.Allowed == (rec.Outcome == audit.Denied) {
			continue
		}
		p := permission{n.Action, n.Resource, n.Reason, n.Policy, n.Allowed}
		a := to[p]
		if a == nil {
			a = &platform.Activity{
				Action: n.Action, Resource: n.Resource, Allowed: n.Allowed, Reason: n.Reason, Policy: n.Policy,
				First: rec.Time, Last: rec.Time,
			}
			to[p] = a
		}
		a.Count += max(rec.Count, 1)
		if rec.Time.Before(a.First) {
			a.First = rec.Time
		}
		if rec.Time.After(a.Last) {
			a.Last = rec.Time
		}
	}
}

func (t tally) sorted() []platform.Activity {
	all := []platform.Activity{}
	for _, a := range slices.SortedFunc(maps.Values(t), func(a, b *platform.Activity) int {
		return cmp.Or(strings.Compare(a.Action, b.Action), strings.Compare(a.Resource, b.Resource), strings.Compare(a.Reason, b.Reason), strings.Compare(a.Policy, b.Policy))
	}) {
		all = append(all, *a)
	}
	return all
}
