// Package explain answers why a request was, or would be, allowed or denied:
// the platform's operation Explain. It decides nothing and keeps nothing: it
// asks the evaluator that decides calls, on the policies as they are now, and
// the audit log for what a call looked like when it was made. What belongs to
// other services it sees through narrow views that they hand to the node: who
// has an ARN, and which policy and tags a resource has.
package explain

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Principals finds the principal that an ARN names: a user, a role as a session
// of it, a session, or the root user. It gives store.ErrNotFound.
type Principals interface {
	Named(r store.Reader, arn string) (*door.Principal, error)
}

// View adds to a need, which has an action and a resource, what the resource
// itself says: its policy, its account and its tags as condition keys. Of a
// resource that does not exist it adds nothing. It is not a way around the
// door: it reads what is part of every call's authorisation.
type View func(r store.Reader, need *door.Need) error

// Config is what the service needs.
type Config struct {
	Audit      *audit.Log
	Principals Principals
	Views      map[string]View // by the service of the action: "lambda"
}

// Service answers Explain. It is safe for concurrent use.
type Service struct {
	Config
	door *door.Door
}

// New makes the service.
func New(c Config) *Service { return &Service{Config: c} }

// Register registers the operation. Its permission is cloister:Explain, on the
// ARN of the principal that is asked about, or * for a request of the log. An
// account is told of its own, and a management account of its organisation's.
func (s *Service) Register(d *door.Door) {
	s.door = d
	door.Act(d, platform.OpExplain, door.Permission(s.needExplain), s.explain)
}

func (s *Service) needExplain(c *door.Call, _ store.Reader, in *platform.ExplainRequest) ([]door.Need, error) {
	p := awsapi.Val(in.Principal)
	if !strings.HasPrefix(p, "arn:") {
		p = "*"
	}
	need, err := s.door.About(c, "cloister:Explain", p)
	return []door.Need{need}, err
}

func (s *Service) explain(c *door.Call, in *platform.ExplainRequest) (*platform.ExplainResponse, error) {
	asked := in.Principal != nil || in.Action != nil || in.Resource != nil || len(in.Context) > 0
	switch {
	case in.RequestID != nil && asked:
		return nil, invalid("Give either a RequestID, or a Principal, an Action and a Resource.")
	case in.RequestID != nil:
		return s.recorded(c, *in.RequestID)
	case in.Principal == nil || in.Action == nil || in.Resource == nil:
		return nil, invalid("Give a RequestID, or a Principal, an Action and a Resource.")
	}
	return s.supposed(c, in)
}

func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", format, args...)
}

// supposed explains a request that might be made now.
func (s *Service) supposed(c *door.Call, in *platform.ExplainRequest) (*platform.ExplainResponse, error) {
	if !policy.IsAction(*in.Action) {
		return nil, invalid("%q is not an action: write service:Operation, without wildcards.", *in.Action)
	}
	if *in.Resource != "*" && !policy.IsARN(*in.Resource) {
		return nil, invalid("%q is not an ARN, nor * for an action without resource.", *in.Resource)
	}
	out := &platform.ExplainResponse{Notes: []string{}}
	err := c.View(func(r store.Reader) error {
		out.Notes = out.Notes[:0] // a view may run again
		p, err := s.principal(r, *in.Principal, in.Context)
		if err != nil {
			return err
		}
		need := &door.Need{Action: *in.Action, Resource: *in.Resource, Account: accountIn(*in.Resource), Context: policy.MapContext{}}
		told, err := s.describe(c, r, need, out)
		if err != nil {
			return err
		}
		for key, values := range in.Context {
			need.Context[strings.ToLower(key)] = values
		}
		req, err := s.door.Question(p, need, regionIn(*in.Resource, c.Region), c.Time)
		if err != nil {
			return err
		}
		e, err := s.decide(p, need, &req, told)
		out.Explanations = []platform.Explanation{e}
		return err
	})
	return out, err
}

// principal finds who would make a request: an ARN, or a service.
func (s *Service) principal(r store.Reader, name string, context map[string][]string) (*door.Principal, error) {
	if !strings.HasPrefix(name, "arn:") && strings.HasSuffix(name, ".amazonaws.com") {
		return door.ServicePrincipal(name, valueOf(context, "aws:SourceArn"), valueOf(context, "aws:SourceAccount")), nil
	}
	p, err := s.Principals.Named(r, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, awsapi.Errorf("ResourceNotFoundException", "There is no user, role or session %s. A service is written lambda.amazonaws.com.", name)
	}
	return p, err
}

func valueOf(context map[string][]string, key string) string {
	for k, values := range context {
		if strings.EqualFold(k, key) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// describe adds what the resource says, and notes when nobody could ask it, or
// the caller may not be told of it, which told says.
func (s *Service) describe(c *door.Call, r store.Reader, need *door.Need, out *platform.ExplainResponse) (told bool, err error) {
	if need.Account != "" {
		managed, err := s.door.Manages(c.Account, need.Account)
		if err != nil {
			return false, err
		}
		if !managed {
			note(out, "The policies and tags of resources of account "+need.Account+" are that account's to know; only what binds the principal was looked at.")
			return false, nil
		}
	}
	service, _, _ := strings.Cut(need.Action, ":")
	if view, ok := s.Views[strings.ToLower(service)]; ok {
		return true, view(r, need)
	}
	note(out, "The policies and tags of resources of "+service+" are not known here; only what binds the principal was looked at.")
	return true, nil
}

func note(out *platform.ExplainResponse, text string) {
	if !slices.Contains(out.Notes, text) {
		out.Notes = append(out.Notes, text)
	}
}

// decide explains one question on the policies as they are, without those of the
// resource's organisation if the caller may not be told of the resource.
func (s *Service) decide(p *door.Principal, need *door.Need, req *policy.Request, told bool) (platform.Explanation, error) {
	policies, err := s.door.Bound(p, need)
	if errors.Is(err, door.ErrGone) {
		return platform.Explanation{}, awsapi.Errorf("ResourceNotFoundException", "%s does not exist any more, and nothing binds it.", p.ARN)
	}
	if err != nil {
		return platform.Explanation{}, err
	}
	if !told {
		policies.ResourceOrganization = nil
	}
	return shown(policy.Explain(&policies, req)), nil
}

// accountIn is the account in an ARN, "" in what is none.
func accountIn(arn string) string { return part(arn, 4) }

func regionIn(arn, otherwise string) string {
	if region := part(arn, 3); region != "" {
		return region
	}
	return otherwise
}

func part(arn string, i int) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || strings.ContainsAny(parts[i], "*?") {
		return ""
	}
	return parts[i]
}

// blockSize is how many records are read at once on the way back through the log.
const blockSize = 2048

// find looks for the newest record of a request, from the end of the log back.
func (s *Service) find(ctx context.Context, requestID string) (*audit.Record, error) {
	for end := s.Audit.Size(); end > 0; end = max(0, end-blockSize) {
		var found *audit.Record
		for e, err := range s.Audit.Records(ctx, max(0, end-blockSize)) {
			if err != nil {
				return nil, err
			}
			if e.Index >= end {
				break
			}
			if e.RequestID == requestID {
				found = &e.Record
			}
		}
		if found != nil {
			return found, nil
		}
	}
	return nil, noRequest(requestID)
}

func noRequest(requestID string) error {
	return awsapi.Errorf("ResourceNotFoundException", "The audit log has no request %s. cloister audit tail shows the newest.", requestID)
}

func shownTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
