package accessanalyzer

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/store"
)

func index(n int) string { return strconv.Itoa(n) }

func ignoreMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// ofExternal is the analyzer of an ARN, which must be one of external access.
func ofExternal(c *door.Call, r store.Reader, arn *string) (*analyzer, error) {
	a, err := find(c, r, arn)
	if err == nil && a.Type != externalAccess {
		return nil, invalid("An analyzer of type %s does not analyze resources.", a.Type)
	}
	return a, err
}

// errFound ends the search for a resource.
var errFound = errors.New("found")

// resource is the resource of an ARN, nil if it does not exist or has no policy.
func (s *Service) resource(r store.Reader, a *analyzer, arn string) (found *door.Need, err error) {
	err = s.everyResource(r, a, func(need *door.Need) error {
		if need.Resource != arn {
			return nil
		}
		copied := *need
		found = &copied
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return found, err
}

// startScan brings the findings of one resource up to date. AWS does so within a
// while; here it is done when the call has answered.
func (s *Service) startScan(c *door.Call, in *api.StartResourceScanRequest) (*awsapi.None, error) {
	arn := val(in.ResourceArn)
	if in.ResourceOwnerAccount != nil && *in.ResourceOwnerAccount != c.Account {
		return nil, invalid("The resource must be of the account of the analyzer.")
	}
	if !analyzed(resourceType(arn)) {
		return nil, invalid("%q is not the ARN of a resource that is analyzed: a role, function, layer version or key.", clip(arn))
	}
	now := c.Time.UTC()
	found := map[string]*finding{}
	err := c.View(func(r store.Reader) error { // what may take long is not done in the transaction
		clear(found)
		a, err := ofExternal(c, r, in.AnalyzerArn)
		if err != nil {
			return err
		}
		need, err := s.resource(r, a, arn)
		if need != nil {
			s.outsiders(a, need, now, found)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return none, c.Commit(func(tx *store.Tx) error {
		a, err := ofExternal(c, tx, in.AnalyzerArn)
		if err != nil {
			return err
		}
		a.LastResource, a.LastAnalyzed = arn, now
		if err := settle(tx, a, maps.Clone(found), now, func(f *finding) bool { return f.Resource == arn }); err != nil {
			return err
		}
		return analyzers.Put(tx, a.key(), a)
	})
}

// analyzed says whether resources of a type are looked at.
func analyzed(kind string) bool { return kind != "" && kind != "AWS::IAM::User" }

func (s *Service) getAnalyzed(c *door.Call, r store.Reader, in *api.GetAnalyzedResourceRequest) (*api.GetAnalyzedResourceResponse, error) {
	a, err := ofExternal(c, r, in.AnalyzerArn)
	if err != nil {
		return nil, err
	}
	need, err := s.resource(r, a, val(in.ResourceArn))
	if err != nil {
		return nil, err
	}
	if need == nil || a.LastAnalyzed.IsZero() {
		return nil, missing("AnalyzedResource", clip(val(in.ResourceArn)), "")
	}
	out := &api.AnalyzedResource{
		ResourceArn: &need.Resource, ResourceType: ptr(resourceType(need.Resource)), ResourceOwnerAccount: &a.Account,
		CreatedAt: &a.Created, AnalyzedAt: &a.LastAnalyzed, UpdatedAt: &a.LastAnalyzed, IsPublic: ptr(false),
	}
	for item, err := range findings.ScanIndex(r, "resource", store.K(a.Account, a.Region, a.Name, need.Resource), nil) {
		if err != nil {
			return nil, err
		}
		f := item.Value
		if f.Status == resolved {
			continue
		}
		out.IsPublic = ptr(*out.IsPublic || f.Public)
		out.Actions = append(out.Actions, f.Action...)
		if out.Status == nil || f.Status == active {
			out.Status = ptr(f.Status)
		}
		out.SharedVia = []string{"POLICY"}
	}
	slices.Sort(out.Actions)
	out.Actions = slices.Compact(out.Actions)
	return &api.GetAnalyzedResourceResponse{Resource: out}, nil
}

func (s *Service) listAnalyzed(c *door.Call, r store.Reader, in *api.ListAnalyzedResourcesRequest) (*api.ListAnalyzedResourcesResponse, error) {
	a, err := ofExternal(c, r, in.AnalyzerArn)
	if err != nil {
		return nil, err
	}
	size, err := pageSize(in.MaxResults)
	if err != nil {
		return nil, err
	}
	after := ""
	if in.NextToken != nil {
		last, err := parseToken(*in.NextToken, 1)
		if err != nil {
			return nil, err
		}
		after = last[0]
	}
	out := &api.ListAnalyzedResourcesResponse{AnalyzedResources: []*api.AnalyzedResourceSummary{}}
	if a.LastAnalyzed.IsZero() {
		return out, nil
	}
	err = s.everyResource(r, a, func(need *door.Need) error {
		kind := resourceType(need.Resource)
		if need.Resource > after && (in.ResourceType == nil || *in.ResourceType == kind) {
			arn := need.Resource
			out.AnalyzedResources = append(out.AnalyzedResources, &api.AnalyzedResourceSummary{ResourceArn: &arn, ResourceType: &kind, ResourceOwnerAccount: &a.Account})
		}
		return nil
	})
	slices.SortFunc(out.AnalyzedResources, func(x, y *api.AnalyzedResourceSummary) int { return cmp.Compare(*x.ResourceArn, *y.ResourceArn) })
	if len(out.AnalyzedResources) > size {
		out.AnalyzedResources = out.AnalyzedResources[:size]
		out.NextToken = ptr(makeToken(*out.AnalyzedResources[size-1].ResourceArn))
	}
	return out, err
}
