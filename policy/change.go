package policy

import (
	"encoding/json"
	"slices"
	"strings"
)

// Change is one change of a policy on the way to a request being allowed.
type Change struct {
	Kind   string `json:"kind"`             // ChangeAdd, ChangeExcept or ChangeRemove
	Layer  string `json:"layer"`            // as of a Step
	Level  int    `json:"level,omitempty"`  // as of a Step
	Policy string `json:"policy,omitempty"` // to be changed; "" for one that is to be made

	// Statement is what ChangeAdd adds: it speaks of this action on this
	// resource and, in a resource's policy, of this principal alone.
	Statement json.RawMessage `json:"statement,omitempty"`

	// Denies is the statement to which ChangeExcept adds Condition, so that it
	// denies everyone but this principal, and which ChangeRemove takes out,
	// where the principal has no ARN to except. A value for an operator and a
	// key that the statement has already joins those that stand there.
	Denies    *StatementRef   `json:"denies,omitempty"`
	Condition json.RawMessage `json:"condition,omitempty"`
}

// The kinds of changes.
const (
	ChangeAdd    = "add statement"
	ChangeExcept = "except principal from deny"
	ChangeRemove = "remove deny"
)

// Changes returns what has to change for a denied request to be allowed:
// together the changes allow it, and without any one of them it stays denied.
// It returns nil for a request that is allowed, and where none is to be
// advised: for the anonymous, who could be let in only together with everyone.
func Changes(ps *Policies, req *Request) []Change {
	edits := pruned(ps, req, needed(ps, req))
	var all []Change
	for _, e := range edits {
		all = append(all, e.change)
	}
	return all
}

// edit is a change and how to make it.
type edit struct {
	change Change
	at     place
	made   *Policy // the statement to add, as a policy
	denies int     // the statement that no longer denies, -1 for an addition
}

// mostChanges bounds the search; each change settles one statement or layer.
const mostChanges = 200

// needed goes through the obstacles as Evaluate meets them.
func needed(ps *Policies, req *Request) []edit {
	var edits []edit
	now := ps.clone()
	for range mostChanges {
		d := Evaluate(now, req)
		if d.Allowed {
			return edits
		}
		e, ok := obstacle(now, req, d)
		if !ok {
			return nil
		}
		e.apply(now)
		edits = append(edits, e)
	}
	return nil
}

// pruned leaves out what turns out not to be needed.
func pruned(ps *Policies, req *Request, edits []edit) []edit {
	for i := 0; i < len(edits); {
		rest := slices.Delete(slices.Clone(edits), i, i+1)
		now := ps.clone()
		for _, e := range rest {
			e.apply(now)
		}
		if Evaluate(now, req).Allowed {
			edits = rest
		} else {
			i++
		}
	}
	return edits
}

func obstacle(ps *Policies, req *Request, d Decision) (edit, bool) {
	switch {
	case d.Reason.Explicit():
		return exempt(ps, req, d), true
	case d.Reason >= ImplicitDenyRCP && d.Reason <= ImplicitDenySession:
		return addition(ps, req, layer(d.Reason-ImplicitDenyRCP))
	}
	return edit{}, false
}

// exempt excepts the principal from the statement that denied.
func exempt(ps *Policies, req *Request, d Decision) edit {
	at := ps.find(layer(d.Reason-ExplicitDenyRCP), d.Policy)
	ref := reference(d.Policy, d.Statement)
	c := Change{Kind: ChangeRemove, Layer: at.layer.String(), Level: at.shownLevel(), Policy: d.Policy.Name, Denies: &ref}
	if arn, ok := exceptable(req, d.Policy.Policy.variables); ok {
		c.Kind = ChangeExcept
		c.Condition = marshal(map[string]any{"ArnNotEquals": map[string]any{"aws:PrincipalArn": arn}})
	}
	return edit{change: c, at: at, denies: d.Statement}
}

// exceptable is the principal's ARN as a condition can name it.
func exceptable(req *Request, variables bool) (string, bool) {
	values, _ := req.context().Values("aws:principalarn")
	if len(values) != 1 || len(strings.SplitN(values[0], ":", arnParts)) != arnParts {
		return "", false
	}
	arn := literal(values[0], variables)
	return arn, variables || !strings.ContainsAny(arn, "*?")
}

// addition has a layer allow the request.
func addition(ps *Policies, req *Request, l layer) (edit, bool) {
	at, old := ps.target(req, l)
	kind, variables := l.kind(req), true
	if old != nil && old.Policy != nil {
		kind, variables = old.Policy.kind, old.Policy.variables
	}
	text, ok := allowStatement(kind, req, variables)
	if !ok {
		return edit{}, false
	}
	added, err := Parse(kind, document(text, variables))
	if err != nil || !added.belongs(l.denies()) {
		return edit{}, false
	}
	c := Change{Kind: ChangeAdd, Layer: l.String(), Level: at.shownLevel(), Statement: text}
	if old != nil {
		c.Policy = old.Name
	}
	return edit{change: c, at: at, made: added, denies: -1}, true
}

// allowStatement writes the narrowest statement that allows a request.
func allowStatement(kind Kind, req *Request, variables bool) (json.RawMessage, bool) {
	s := struct {
		Effect    string
		Principal any `json:",omitempty"`
		Action    string
		Resource  string `json:",omitempty"`
		Condition any    `json:",omitempty"`
	}{Effect: "Allow", Action: req.Action}
	switch {
	case kind == KindResourceOrganization:
		s.Principal = "*"
	case kind.hasPrincipal():
		if s.Principal = principalElement(&req.Principal); s.Principal == nil {
			return nil, false
		}
		s.Condition = sourceCondition(req, variables)
	}
	if kind.hasResource() {
		s.Resource = "*"
		if strings.HasPrefix(req.Resource, "arn:") {
			s.Resource = literal(req.Resource, variables)
		}
	}
	return marshal(s), true
}

// sourceCondition binds a statement for a service to what the service acts for:
// without it any customer of the service could have it act (the confused deputy,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html).
func sourceCondition(req *Request, variables bool) any {
	if req.Principal.Kind != PrincipalService {
		return nil
	}
	condition := map[string]map[string]string{}
	for _, bound := range []struct{ operator, key string }{{"ArnEquals", "aws:SourceArn"}, {"StringEquals", "aws:SourceAccount"}} {
		values, _ := req.context().Values(strings.ToLower(bound.key))
		if len(values) != 1 || bound.operator == "ArnEquals" && !IsARN(values[0]) {
			continue
		}
		text := literal(values[0], variables)
		if !variables && strings.ContainsAny(text, "*?") {
			continue
		}
		condition[bound.operator] = map[string]string{bound.key: text}
	}
	if len(condition) == 0 {
		return nil
	}
	return condition
}

// principalElement names a principal: a session by its role, as the names of
// sessions come and go.
func principalElement(p *Principal) any {
	switch {
	case p.Kind == PrincipalService && p.Service != "":
		return map[string]string{"Service": p.Service}
	case p.Kind == PrincipalFederated && p.Provider != "":
		return map[string]string{"Federated": p.Provider}
	case p.Kind == PrincipalAssumedRole && p.RoleARN != "":
		return map[string]string{"AWS": p.RoleARN}
	case p.hasAccount() && p.ARN != "":
		return map[string]string{"AWS": p.ARN}
	}
	return nil
}

// literal writes text so that a policy with variables takes no part of it for
// a wildcard or a variable. In one without, * and ? match themselves as well.
func literal(text string, variables bool) string {
	if !variables {
		return text
	}
	return strings.NewReplacer("*", "${*}", "?", "${?}", "${", "${$}{").Replace(text)
}

func document(statement json.RawMessage, variables bool) []byte {
	version := version2008
	if variables {
		version = version2012
	}
	return marshal(map[string]any{"Version": version, "Statement": []json.RawMessage{statement}})
}

// marshal writes what always can be written, without escapes for HTML.
func marshal(v any) json.RawMessage {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return json.RawMessage(strings.TrimSpace(b.String()))
}
