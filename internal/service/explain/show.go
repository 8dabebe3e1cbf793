package explain

import (
	"cloister/internal/awsapi/platform"
	"cloister/policy"
)

// shown is an explanation as the wire has it.
func shown(e *policy.Explanation) platform.Explanation {
	return platform.Explanation{
		Allowed: e.Allowed, Reason: e.Reason, Message: e.Message,
		Principal: e.Principal, Action: e.Action, Resource: e.Resource,
		DecidedBy: shownRef(e.DecidedBy), Steps: each(e.Steps, shownStep), Changes: each(e.Changes, shownChange),
	}
}

func each[E, F any](list []E, fn func(*E) F) []F {
	out := make([]F, len(list))
	for i := range list {
		out[i] = fn(&list[i])
	}
	return out
}

func shownRef(r *policy.StatementRef) *platform.StatementRef {
	if r == nil {
		return nil
	}
	return &platform.StatementRef{Policy: r.Policy, Statement: int64(r.Statement), Sid: r.Sid, Line: int64(r.Line)}
}

func shownStep(s *policy.Step) platform.Step {
	return platform.Step{Layer: s.Layer, Level: int64(s.Level), Outcome: s.Outcome, Policies: each(s.Policies, shownPolicy)}
}

func shownPolicy(p *policy.PolicyTrace) platform.PolicyTrace {
	return platform.PolicyTrace{Name: p.Name, Outcome: p.Outcome, Statements: each(p.Statements, shownStatement)}
}

func shownStatement(s *policy.StatementTrace) platform.StatementTrace {
	return platform.StatementTrace{
		Statement: int64(s.Statement), Sid: s.Sid, Line: int64(s.Line),
		Effect: s.Effect, Applies: s.Applies, Failed: s.Failed, Conditions: each(s.Conditions, shownCondition),
	}
}

func shownCondition(c *policy.ConditionTrace) platform.ConditionTrace {
	return platform.ConditionTrace{
		Operator: c.Operator, Key: c.Key, Line: int64(c.Line),
		Wanted: c.Wanted, Present: c.Present, Seen: c.Seen, Holds: c.Holds,
	}
}

func shownChange(c *policy.Change) platform.Change {
	return platform.Change{
		Kind: c.Kind, Layer: c.Layer, Level: int64(c.Level), Policy: c.Policy,
		Statement: string(c.Statement), Denies: shownRef(c.Denies), Condition: string(c.Condition),
	}
}
