package explain

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// recorded explains a request of the audit log: what was decided then, and how
// the policies decide it now.
func (s *Service) recorded(c *door.Call, requestID string) (*platform.ExplainResponse, error) {
	rec, err := s.find(c, requestID)
	if err != nil {
		return nil, err
	}
	if told, err := s.mayTell(c, rec); !told {
		return nil, err
	}
	out := &platform.ExplainResponse{Recorded: shownCall(rec)}
	err = c.View(func(r store.Reader) error {
		out.Explanations, out.Notes = []platform.Explanation{}, notes(rec)
		for i := range rec.Needs {
			e, err := s.again(c, r, rec, &rec.Needs[i], out)
			if err != nil {
				return err
			}
			out.Explanations = append(out.Explanations, e)
		}
		return nil
	})
	return out, err
}

// mayTell tells whether the caller may be told of a request: one that its own
// account made, or one that it manages, or nobody that is known. Others are not
// there for it.
func (s *Service) mayTell(c *door.Call, rec *audit.Record) (bool, error) {
	for _, account := range []string{rec.Account, rec.Principal.Account} {
		managed, err := s.door.Manages(c.Account, account)
		if managed || err != nil {
			return err == nil, err
		}
	}
	if rec.Account == "" && rec.Principal.Account == "" {
		return true, nil
	}
	return false, noRequest(rec.RequestID)
}

// notes says what the record cannot tell.
func notes(rec *audit.Record) []string {
	notes := []string{}
	if rec.Count > 1 {
		notes = append(notes, "The record stands for "+strconv.FormatInt(rec.Count, 10)+" refusals.")
	}
	switch {
	case len(rec.Needs) > 0:
	case rec.Outcome == audit.Denied:
		notes = append(notes, "Policies were not asked: the call was refused before ("+rec.ErrorCode+").")
	default:
		notes = append(notes, "Policies were not asked: the operation needs no permission, or the call failed before.")
	}
	for _, n := range rec.Needs {
		if n.ContextCut {
			notes = append(notes, "Some condition keys were too long for the audit log and count as absent.")
		}
	}
	return notes
}

// again asks one permission of the record again.
func (s *Service) again(c *door.Call, r store.Reader, rec *audit.Record, asked *audit.Need, out *platform.ExplainResponse) (platform.Explanation, error) {
	p := caller(rec)
	need := &door.Need{Action: asked.Action, Resource: asked.Resource, Account: accountIn(asked.Resource), Context: policy.MapContext{}}
	told, err := s.describe(c, r, need, out)
	if err != nil {
		return platform.Explanation{}, err
	}
	if !told {
		asked = withoutResource(asked)
	}
	req, err := s.question(rec, asked, p, need)
	if err != nil {
		return platform.Explanation{}, err
	}
	e, err := s.decide(p, need, &req, told)
	if err != nil {
		out.Notes = append(out.Notes, "The principal does not exist any more: what stands here is what was decided then.")
		e = platform.Explanation{Allowed: asked.Allowed, Reason: asked.Reason, Principal: p.ARN, Action: asked.Action, Resource: asked.Resource, Steps: []platform.Step{}}
	}
	e.Recorded = asked.Reason
	if asked.Policy != "" {
		e.Recorded += " (" + asked.Policy + ")"
	}
	if told && (e.Allowed != asked.Allowed || e.Reason != asked.Reason) {
		out.Notes = append(out.Notes, asked.Action+" was decided otherwise then: policies have changed since.")
	}
	return e, nil
}

// withoutResource is what was asked without what the resource's account keeps to
// itself: the resource's tags, its organisation, and the names of policies there.
func withoutResource(asked *audit.Need) *audit.Need {
	less := *asked
	less.Context = maps.Clone(asked.Context)
	maps.DeleteFunc(less.Context, func(key string, _ []string) bool {
		return strings.Contains(key, ":resource") && key != "aws:resourceaccount"
	})
	switch asked.Reason {
	case policy.ExplicitDenyResource.String(), policy.ExplicitDenyRCP.String(), policy.AllowedByResource.String():
		less.Policy = ""
	}
	return &less
}

// question is what was asked then. Of a permission that was denied, and of a web
// identity's, the record has the condition keys; of another they are made anew.
func (s *Service) question(rec *audit.Record, asked *audit.Need, p *door.Principal, need *door.Need) (policy.Request, error) {
	if asked.Context == nil {
		return s.door.Question(p, need, rec.Region, rec.Time)
	}
	keys := policy.MapContext(maps.Clone(asked.Context))
	keys["aws:currenttime"] = []string{rec.Time.UTC().Format(time.RFC3339)}
	keys["aws:epochtime"] = []string{strconv.FormatInt(rec.Time.Unix(), 10)}
	if rec.SourceIP != "" {
		keys["aws:sourceip"] = []string{rec.SourceIP}
	}
	if rec.UserAgent != "" {
		keys["aws:useragent"] = []string{rec.UserAgent}
	}
	account := rec.Account
	if owner := keys["aws:resourceaccount"]; len(owner) == 1 {
		account = owner[0]
	}
	return policy.Request{
		Principal: p.Principal, Action: asked.Action, Resource: asked.Resource, ResourceAccount: account,
		Context: keys, ResourcePolicyRequired: need.ResourcePolicyRequired,
	}, nil
}

var kinds = map[string]policy.PrincipalKind{
	"Root": policy.PrincipalRoot, "IAMUser": policy.PrincipalUser, "AssumedRole": policy.PrincipalAssumedRole,
	"FederatedUser": policy.PrincipalFederatedUser, "AWSService": policy.PrincipalService,
	"WebIdentityUser": policy.PrincipalFederated,
}

// caller is the principal of a record.
func caller(rec *audit.Record) *door.Principal {
	a := &rec.Principal
	p := &door.Principal{
		Principal: policy.Principal{
			Kind: kinds[a.Type], ARN: a.ARN, Account: a.Account, RoleARN: a.RoleARN, Service: a.Service, UserID: a.ID,
		},
		EntityID: a.EntityID, Name: a.ARN[strings.LastIndexByte(a.ARN, '/')+1:], HasSessionPolicies: rec.HasSessionPolicies,
	}
	if p.Kind == policy.PrincipalFederated {
		p.Provider, p.ARN = a.ARN, ""
	}
	for _, sp := range rec.SessionPolicies {
		named := policy.Named{Name: sp.Name}
		if sp.Text != "" {
			parsed, err := policy.Parse(policy.KindSession, []byte(sp.Text))
			if err != nil { // it was cut: what it allowed is not known, so that it allows nothing
				named.Name += " (too long for the audit log)"
			}
			named.Policy = parsed
		}
		p.SessionPolicies = append(p.SessionPolicies, named)
	}
	return p
}

func shownCall(rec *audit.Record) *platform.RecordedCall {
	who := rec.Principal.ARN
	if who == "" {
		who = rec.Principal.Service
	}
	operation := rec.EventName
	if operation != "" {
		operation = strings.TrimSuffix(rec.EventSource, ".amazonaws.com") + ":" + operation
	}
	return &platform.RecordedCall{
		RequestID: rec.RequestID, Time: shownTime(rec.Time), Operation: operation, Principal: who,
		Outcome: string(rec.Outcome), ErrorCode: rec.ErrorCode, ErrorMessage: rec.ErrorMessage,
	}
}
