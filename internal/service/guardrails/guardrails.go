// Package guardrails is the operations by which administrators see and change
// the guardrails of their account. A change needs cloister:PutGuardrail on the
// guardrail's ARN, is one transaction with its audit record, and holds for the
// next write of any service.
package guardrails

import (
	"slices"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// all stands for every guardrail in PutGuardrail.
const all = "all"

const pageSize = 100

// Register registers the operations.
func Register(d *door.Door) {
	door.Read(d, api.OpListGuardrails, door.On("cloister:ListGuardrails",
		func(*door.Call, *api.ListGuardrailsRequest) string { return "*" }), list)
	door.Read(d, api.OpListFindings, door.On("cloister:ListFindings",
		func(*door.Call, *api.ListFindingsRequest) string { return "*" }), findings)
	door.Write(d, api.OpPutGuardrail, door.Permission(needsOfPut), put)
}

func arn(account, id string) string { return "arn:aws:cloister::" + account + ":guardrail/" + id }

// chosen are the guardrails that a request names; none for a name that does
// not exist.
func chosen(name string) []guardrail.Rule {
	if name == all {
		return guardrail.Rules()
	}
	if rule, ok := guardrail.Find(name); ok {
		return []guardrail.Rule{rule}
	}
	return nil
}

func needsOfPut(c *door.Call, _ store.Reader, in *api.PutGuardrailRequest) ([]door.Need, error) {
	var needs []door.Need
	for _, rule := range chosen(awsapi.Val(in.Guardrail)) {
		needs = append(needs, door.Need{Action: "cloister:PutGuardrail", Resource: arn(c.Account, rule.ID)})
	}
	if needs == nil {
		needs = []door.Need{{Action: "cloister:PutGuardrail", Resource: arn(c.Account, awsapi.Val(in.Guardrail))}}
	}
	return needs, nil
}

func put(c *door.Call, tx *store.Tx, in *api.PutGuardrailRequest) (*api.PutGuardrailResponse, error) {
	rules := chosen(awsapi.Val(in.Guardrail))
	if rules == nil {
		return nil, awsapi.Errorf("ResourceNotFoundException", "There is no guardrail %s. ListGuardrails names them.", awsapi.Val(in.Guardrail))
	}
	if in.Mode == nil && in.Exempt == nil && in.Unexempt == nil {
		return nil, awsapi.Errorf("ValidationException", "One of Mode, Exempt and Unexempt must be given.")
	}
	for _, rule := range rules {
		if in.Exempt != nil && !rule.Exemptions {
			return nil, awsapi.Errorf("ValidationException", "%s has no exemptions. Set its mode to warn to let what it finds pass.", rule.ID)
		}
		if err := change(c, tx, rule.ID, in); err != nil {
			return nil, err
		}
	}
	shown, err := show(tx, c.Account, rules)
	return &api.PutGuardrailResponse{Guardrails: shown}, err
}

func change(c *door.Call, tx *store.Tx, id string, in *api.PutGuardrailRequest) error {
	s, err := guardrail.Of(tx, c.Account, id)
	if err != nil {
		return err
	}
	if in.Mode != nil {
		s.Mode = guardrail.Mode(*in.Mode)
	}
	if in.Exempt != nil {
		s.Exempt = append(s.Exempt, *in.Exempt)
	}
	if in.Unexempt != nil {
		s.Exempt = slices.DeleteFunc(s.Exempt, func(arn string) bool { return arn == *in.Unexempt })
	}
	s.Changed, s.By = c.Time.UTC().Truncate(time.Second), c.Principal.ARN
	return guardrail.Set(tx, c.Account, id, s)
}

func list(c *door.Call, r store.Reader, _ *api.ListGuardrailsRequest) (*api.ListGuardrailsResponse, error) {
	shown, err := show(r, c.Account, guardrail.Rules())
	return &api.ListGuardrailsResponse{Guardrails: shown}, err
}

// show describes rules as the account has set them.
func show(r store.Reader, account string, rules []guardrail.Rule) ([]api.Guardrail, error) {
	postures, err := guardrail.Posture(r, account)
	if err != nil {
		return nil, err
	}
	var shown []api.Guardrail
	for _, p := range postures {
		if slices.Contains(rules, p.Rule) {
			shown = append(shown, describe(p))
		}
	}
	return shown, nil
}

func describe(p guardrail.State) api.Guardrail {
	g := api.Guardrail{
		ID: p.Rule.ID, Name: p.Rule.Name, Title: p.Rule.Title, Severity: string(p.Rule.Severity), Page: p.Rule.Page,
		Mode: string(p.Setting.Mode), Exempt: p.Setting.Exempt, By: p.Setting.By, Active: p.Active,
	}
	if !p.Setting.Changed.IsZero() {
		g.Changed = &p.Setting.Changed
	}
	return g
}

func findings(c *door.Call, r store.Reader, in *api.ListFindingsRequest) (*api.ListFindingsResponse, error) {
	most := pageSize
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	found, more, err := guardrail.Findings(r, c.Account, guardrail.Status(awsapi.Val(in.Status)), awsapi.Val(in.NextToken), most)
	if err != nil {
		return nil, err
	}
	out := &api.ListFindingsResponse{}
	for _, f := range found {
		out.Findings = append(out.Findings, api.Finding{
			ID: f.ID, Rule: f.Rule, Severity: string(f.Severity), Status: string(f.Status), Resource: f.Resource,
			Part: f.Part, Text: f.Text, First: f.First, Last: f.Last,
		})
	}
	if more {
		out.NextToken = awsapi.Ptr(found[len(found)-1].ID)
	}
	return out, nil
}
