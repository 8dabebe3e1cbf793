package ssm

import (
	"strconv"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) describeParameters(c *door.Call, r store.Reader, in *api.DescribeParametersRequest) (*api.DescribeParametersResult, error) {
	filters, err := describeFilters(in)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeParametersResult{Parameters: []*api.ParameterMetadata{}}
	if val(in.Shared) {
		return out, nil // nobody shares with this account
	}
	all, err := under(c, r, "/", true)
	if err != nil {
		return nil, err
	}
	if all, err = after(all, in.NextToken); err != nil {
		return nil, err
	}
	var last *parameter
	for _, p := range all {
		if int64(len(out.Parameters)) == or(in.MaxResults, 50) {
			out.NextToken = tokenOf(last)
			break
		}
		got, err := chosen(r, p, nil)
		if err != nil {
			return nil, err
		}
		if filters.match(got) {
			out.Parameters, last = append(out.Parameters, got.metadata()), p
		}
	}
	return out, nil
}

func (g *reading) metadata() *api.ParameterMetadata {
	return &api.ParameterMetadata{
		Name: &g.p.Name, ARN: ptr(g.p.arn()), Type: &g.v.Type, KeyId: some(g.v.KeyID), LastModifiedDate: &g.v.Modified,
		LastModifiedUser: &g.v.User, Description: some(g.v.Description), AllowedPattern: some(g.v.AllowedPattern),
		Version: &g.v.Number, Tier: &g.v.Tier, Policies: wirePolicies(g.v.Policies), DataType: &g.v.DataType,
	}
}

func (s *Service) history(c *door.Call, in *api.GetParameterHistoryRequest) (*api.GetParameterHistoryResult, error) {
	out := &api.GetParameterHistoryResult{Parameters: []*api.ParameterHistory{}}
	var all []*reading
	err := c.View(func(r store.Reader) error {
		p, err := find(c, r, parse(c, *in.Name))
		if err != nil {
			return err
		}
		from, err := firstVersion(p, in.NextToken)
		if err != nil {
			return err
		}
		for n := from; n <= p.Latest; n++ {
			if int64(len(all)) == or(in.MaxResults, 50) {
				out.NextToken = ptr(strconv.FormatInt(n, 10))
				break
			}
			v, err := versions.Get(r, p.key(n))
			if err != nil {
				return err
			}
			all = append(all, &reading{p, v, ""})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, got := range all {
		text, err := s.text(c, got, val(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, got.past(text))
	}
	return out, nil
}

func firstVersion(p *parameter, token *string) (int64, error) {
	if token == nil {
		return p.Oldest, nil
	}
	n, err := strconv.ParseInt(*token, 10, 64)
	if err != nil {
		return 0, awsapi.Errorf("InvalidNextToken", "The specified token is not valid.")
	}
	return max(n, p.Oldest), nil
}

func (g *reading) past(text string) *api.ParameterHistory {
	labels := g.p.labels(g.v.Number)
	if labels == nil {
		labels = []string{}
	}
	return &api.ParameterHistory{
		Name: &g.p.Name, Type: &g.v.Type, KeyId: some(g.v.KeyID), LastModifiedDate: &g.v.Modified, LastModifiedUser: &g.v.User,
		Description: some(g.v.Description), Value: &text, AllowedPattern: some(g.v.AllowedPattern), Version: &g.v.Number,
		Labels: labels, Tier: &g.v.Tier, Policies: wirePolicies(g.v.Policies), DataType: &g.v.DataType,
	}
}
