// Package access is an administrator's view of abuse protection: which addresses
// may come to the node's listener, and the counters of what came. It is the whole
// node's, so that the permissions are on resources of the node's own account.
// Nothing here keeps anybody out who comes by loopback.
package access

import (
	"errors"
	"net/http"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/gate"
	"cloister/internal/gate/shield"
	"cloister/internal/store"
)

// MetricsPath is where the counters are, at every address of the node itself.
const MetricsPath = "/_cloister/metrics"

// Service is the operations. It is safe for concurrent use.
type Service struct {
	counts  *shield.Counts
	account string
	region  string
	door    *door.Door
}

// New makes the service. The account is the node's own.
func New(counts *shield.Counts, account, region string) *Service {
	return &Service{counts: counts, account: account, region: region}
}

// Register registers the operations.
func (s *Service) Register(d *door.Door) {
	s.door = d
	door.Read(d, api.OpListAccessRules, on[api.ListAccessRulesRequest](s, "cloister:ListAccessRules", "access"), list)
	door.Write(d, api.OpPutAccessRule, on[api.PutAccessRuleRequest](s, "cloister:PutAccessRule", "access"), put)
	door.Write(d, api.OpDeleteAccessRule, on[api.DeleteAccessRuleRequest](s, "cloister:DeleteAccessRule", "access"), remove)
	door.Act(d, api.OpGetMetrics, door.AtFront(func(c *door.Call, in *api.GetMetricsRequest) error {
		return c.Signed(in.Exchange.(*http.Request), api.Name, nil)
	}, func(*door.Call, store.Reader, *api.GetMetricsRequest) ([]door.Need, error) {
		return s.need("cloister:GetMetrics", "metrics"), nil
	}), func(*door.Call, *api.GetMetricsRequest) (*api.GetMetricsResponse, error) {
		return &api.GetMetricsResponse{}, nil
	})
}

func on[In any](s *Service, action, resource string) door.Auth[In] {
	return door.Permission(func(*door.Call, store.Reader, *In) ([]door.Need, error) { return s.need(action, resource), nil })
}

func (s *Service) need(action, resource string) []door.Need {
	return []door.Need{{Action: action, Resource: "arn:aws:cloister::" + s.account + ":" + resource, Account: s.account}}
}

func invalid(err error) error { return awsapi.Errorf("ValidationException", "Range is %v.", err) }

func put(c *door.Call, tx *store.Tx, in *api.PutAccessRuleRequest) (*api.PutAccessRuleResponse, error) {
	of, err := shield.ParseRange(awsapi.Val(in.Range))
	if err != nil {
		return nil, invalid(err)
	}
	rule := shield.Rule{Range: of, Deny: awsapi.Val(in.Effect) == "deny", Changed: c.Time.UTC().Truncate(time.Second), By: c.Principal.ARN}
	err = shield.Put(tx, rule)
	if errors.Is(err, shield.ErrTooMany) {
		err = awsapi.Errorf("LimitExceededException", "%v: delete some, or take wider ranges.", err)
	}
	return &api.PutAccessRuleResponse{Rule: shown(rule)}, err
}

func remove(_ *door.Call, tx *store.Tx, in *api.DeleteAccessRuleRequest) (*api.DeleteAccessRuleResponse, error) {
	of, err := shield.ParseRange(awsapi.Val(in.Range))
	if err != nil {
		return nil, invalid(err)
	}
	err = shield.Remove(tx, of)
	if errors.Is(err, store.ErrNotFound) {
		err = awsapi.Errorf("ResourceNotFoundException", "There is no rule for %s. ListAccessRules has those that there are.", of)
	}
	return &api.DeleteAccessRuleResponse{}, err
}

func list(_ *door.Call, r store.Reader, _ *api.ListAccessRulesRequest) (*api.ListAccessRulesResponse, error) {
	all, err := shield.Rules(r)
	out := &api.ListAccessRulesResponse{Rules: []api.AccessRule{}}
	for _, rule := range all {
		out.Rules = append(out.Rules, shown(rule))
	}
	return out, err
}

func shown(r shield.Rule) api.AccessRule {
	effect := "allow"
	if r.Deny {
		effect = "deny"
	}
	return api.AccessRule{Range: r.Range.String(), Effect: effect, Changed: r.Changed, By: r.By}
}

// Serve implements gate.Front: the counters, for a signed GET.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, t gate.Target) bool {
	if r.Method != http.MethodGet || r.ContentLength != 0 {
		http.Error(w, "GET it, without a body", http.StatusMethodNotAllowed)
		return true
	}
	_, _, err := door.Enter(s.door, r, api.OpGetMetrics, s.region, &api.GetMetricsRequest{Path: t.Path, Exchange: r})
	if err == nil {
		s.counts.Write(w, r)
		return true
	}
	status := http.StatusForbidden
	var wire *awsapi.Error
	if errors.As(err, &wire) && wire.Status != 0 {
		status = wire.Status
	}
	http.Error(w, err.Error(), status)
	return true
}
