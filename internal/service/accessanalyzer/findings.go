package accessanalyzer

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/store"
)

func shownTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// query is what ListFindings and ListFindingsV2 have in common.
type query struct {
	arn    *string
	filter map[string]*api.Criterion
	sort   *api.SortCriteria
	token  *string
	most   *int64
}

// list finds findings, a page of them.
func (q *query) list(c *door.Call, r store.Reader, types ...string) (found []*finding, next *string, err error) {
	a, err := find(c, r, q.arn)
	if err != nil {
		return nil, nil, err
	}
	if len(types) > 0 && !slices.Contains(types, a.Type) {
		return nil, nil, invalid("The findings of an analyzer of type %s are listed by ListFindingsV2.", a.Type)
	}
	filter, err := parseFilter(a, q.filter)
	if err != nil {
		return nil, nil, err
	}
	if q.sort != nil && val(q.sort.AttributeName) != "" {
		return q.sorted(r, a, filter)
	}
	next, err = page(r, findings.Scan, a.key(), q.token, q.most, func(f *finding) bool {
		if matches(filter, f) {
			found = append(found, f)
			return true
		}
		return false
	})
	return found, next, err
}

// sorted finds findings in the order of an attribute. Its token is the attribute
// and the id of the last one given.
func (q *query) sorted(r store.Reader, a *analyzer, filter map[string]criterion) (found []*finding, next *string, err error) {
	name, descending := val(q.sort.AttributeName), val(q.sort.OrderBy) == "DESC"
	if err := checkAttribute(a, name); err != nil {
		return nil, nil, err
	}
	size, err := pageSize(q.most)
	if err != nil {
		return nil, nil, err
	}
	order := func(value, id string, f *finding) int {
		o := cmp.Or(cmp.Compare(value, f.attribute(name)), cmp.Compare(id, f.ID))
		if descending {
			return -o
		}
		return o
	}
	behind := func(*finding) bool { return true }
	if q.token != nil {
		last, err := parseToken(*q.token, 2)
		if err != nil {
			return nil, nil, err
		}
		behind = func(f *finding) bool { return order(last[0], last[1], f) < 0 }
	}
	for item, err := range findings.Scan(r, a.key(), nil) {
		if err != nil {
			return nil, nil, err
		}
		if f := item.Value; matches(filter, f) && behind(f) {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(x, y *finding) int { return order(x.attribute(name), x.ID, y) })
	if len(found) > size {
		found = found[:size]
		next = ptr(makeToken(found[size-1].attribute(name), found[size-1].ID))
	}
	return found, next, nil
}

func listFindings(c *door.Call, r store.Reader, in *api.ListFindingsRequest) (*api.ListFindingsResponse, error) {
	q := &query{in.AnalyzerArn, in.Filter, in.Sort, in.NextToken, in.MaxResults}
	found, next, err := q.list(c, r, externalAccess)
	out := &api.ListFindingsResponse{Findings: []*api.FindingSummary{}, NextToken: next}
	for _, f := range found {
		out.Findings = append(out.Findings, &api.FindingSummary{
			Id: &f.ID, Principal: f.Principal, Action: f.Action, Resource: &f.Resource, IsPublic: &f.Public, ResourceType: &f.ResourceType,
			Condition: f.Condition, CreatedAt: &f.Created, AnalyzedAt: &f.Analyzed, UpdatedAt: &f.Updated, Status: &f.Status,
			ResourceOwnerAccount: &f.Account, Sources: sources(f),
		})
	}
	return out, err
}

func sources(*finding) []*api.FindingSource { return []*api.FindingSource{{Type: ptr("POLICY")}} }

func listFindingsV2(c *door.Call, r store.Reader, in *api.ListFindingsV2Request) (*api.ListFindingsV2Response, error) {
	q := &query{in.AnalyzerArn, in.Filter, in.Sort, in.NextToken, in.MaxResults}
	found, next, err := q.list(c, r)
	out := &api.ListFindingsV2Response{Findings: []*api.FindingSummaryV2{}, NextToken: next}
	for _, f := range found {
		out.Findings = append(out.Findings, &api.FindingSummaryV2{
			Id: &f.ID, Resource: &f.Resource, ResourceType: &f.ResourceType, CreatedAt: &f.Created, AnalyzedAt: &f.Analyzed,
			UpdatedAt: &f.Updated, Status: &f.Status, ResourceOwnerAccount: &f.Account, FindingType: &f.Type,
		})
	}
	return out, err
}

// one is the finding of an id.
func one(c *door.Call, r store.Reader, arn, id *string) (*analyzer, *finding, error) {
	a, err := find(c, r, arn)
	if err != nil {
		return nil, nil, err
	}
	f, err := findings.Get(r, append(a.key(), val(id)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, missing("Finding", val(id), "")
	}
	return a, f, err
}

func getFinding(c *door.Call, r store.Reader, in *api.GetFindingRequest) (*api.GetFindingResponse, error) {
	a, f, err := one(c, r, in.AnalyzerArn, in.Id)
	if err != nil {
		return nil, err
	}
	if a.Type != externalAccess {
		return nil, invalid("The findings of an analyzer of type %s are told by GetFindingV2.", a.Type)
	}
	return &api.GetFindingResponse{Finding: &api.Finding{
		Id: &f.ID, Principal: f.Principal, Action: f.Action, Resource: &f.Resource, IsPublic: &f.Public, ResourceType: &f.ResourceType,
		Condition: f.Condition, CreatedAt: &f.Created, AnalyzedAt: &f.Analyzed, UpdatedAt: &f.Updated, Status: &f.Status,
		ResourceOwnerAccount: &f.Account, Sources: sources(f),
	}}, nil
}

func getFindingV2(c *door.Call, r store.Reader, in *api.GetFindingV2Request) (*api.GetFindingV2Response, error) {
	_, f, err := one(c, r, in.AnalyzerArn, in.Id)
	if err != nil {
		return nil, err
	}
	out := &api.GetFindingV2Response{
		Id: &f.ID, Resource: &f.Resource, ResourceType: &f.ResourceType, CreatedAt: &f.Created, AnalyzedAt: &f.Analyzed,
		UpdatedAt: &f.Updated, Status: &f.Status, ResourceOwnerAccount: &f.Account, FindingType: &f.Type,
	}
	details := f.details()
	from := 0
	if in.NextToken != nil {
		if from, err = startOf(in.NextToken, len(details)); err != nil {
			return nil, err
		}
	}
	most, err := pageSize(in.MaxResults)
	if err != nil {
		return nil, err
	}
	out.FindingDetails = details[from:min(from+most, len(details))]
	if from+most < len(details) {
		out.NextToken = ptr(index(from + most))
	}
	return out, nil
}

// details are what a finding says, by its type.
func (f *finding) details() []*api.FindingDetails {
	last := moment(f.LastUsed)
	switch f.Type {
	case typeRole:
		return []*api.FindingDetails{{UnusedIamRoleDetails: &api.UnusedIamRoleDetails{LastAccessed: last}}}
	case typeKey:
		return []*api.FindingDetails{{UnusedIamUserAccessKeyDetails: &api.UnusedIamUserAccessKeyDetails{AccessKeyId: &f.AccessKeyID, LastAccessed: last}}}
	case typePassword:
		return []*api.FindingDetails{{UnusedIamUserPasswordDetails: &api.UnusedIamUserPasswordDetails{LastAccessed: last}}}
	case typePermission:
		return f.permissions()
	}
	return []*api.FindingDetails{{ExternalAccessDetails: &api.ExternalAccessDetails{
		Action: f.Action, Condition: f.Condition, IsPublic: &f.Public, Principal: f.Principal, Sources: sources(f),
	}}}
}

func (f *finding) permissions() []*api.FindingDetails {
	var all []*api.FindingDetails
	for _, s := range f.Services {
		d := &api.UnusedPermissionDetails{ServiceNamespace: &s.Namespace, LastAccessed: moment(s.LastUsed)}
		for _, a := range s.Actions {
			d.Actions = append(d.Actions, &api.UnusedAction{Action: &a.Name, LastAccessed: moment(a.LastUsed)})
		}
		all = append(all, &api.FindingDetails{UnusedPermissionDetails: d})
	}
	return all
}

// moment is a time, nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// updateFindings archives findings, or makes them active again, by their ids or by
// their resource.
func updateFindings(c *door.Call, tx *store.Tx, in *api.UpdateFindingsRequest) (*awsapi.None, error) {
	a, err := find(c, tx, in.AnalyzerArn)
	if err != nil {
		return nil, err
	}
	if (len(in.Ids) == 0) == (in.ResourceArn == nil) {
		return nil, invalid("Exactly one of ids and resourceArn must be given.")
	}
	if len(in.Ids) > maxPage {
		return nil, invalid("At most %d findings can be updated at once.", maxPage)
	}
	wanted := map[string]bool{}
	for _, id := range in.Ids {
		wanted[id] = true
		if _, err := findings.Get(tx, append(a.key(), id)); errors.Is(err, store.ErrNotFound) {
			return nil, missing("Finding", clip(id), "")
		} else if err != nil {
			return nil, err
		}
	}
	return none, setStatus(tx, a, c, val(in.Status), func(f *finding) bool {
		return wanted[f.ID] || in.ResourceArn != nil && f.Resource == *in.ResourceArn
	})
}

// statistics counts an analyzer's findings.
func statistics(c *door.Call, r store.Reader, in *api.GetFindingsStatisticsRequest) (*api.GetFindingsStatisticsResponse, error) {
	a, err := find(c, r, in.AnalyzerArn)
	if err != nil {
		return nil, err
	}
	counts, kinds := map[string]int64{}, map[string]int64{}
	types := map[string]*api.ResourceTypeDetails{}
	for item, err := range findings.Scan(r, a.key(), nil) {
		if err != nil {
			return nil, err
		}
		f := item.Value
		if counts[f.Status]++; f.Status != active {
			continue
		}
		kinds[f.Type]++
		if types[f.ResourceType] == nil {
			types[f.ResourceType] = &api.ResourceTypeDetails{TotalActivePublic: new(int64), TotalActiveCrossAccount: new(int64)}
		}
		if f.Public {
			*types[f.ResourceType].TotalActivePublic++
		} else {
			*types[f.ResourceType].TotalActiveCrossAccount++
		}
	}
	out := &api.GetFindingsStatisticsResponse{LastUpdatedAt: moment(a.LastAnalyzed)}
	if a.Type == externalAccess {
		out.FindingsStatistics = []*api.FindingsStatistics{{ExternalAccessFindingsStatistics: &api.ExternalAccessFindingsStatistics{
			ResourceTypeStatistics: types, TotalActiveFindings: ptr(counts[active]), TotalArchivedFindings: ptr(counts[archived]), TotalResolvedFindings: ptr(counts[resolved]),
		}}}
		return out, nil
	}
	unused := &api.UnusedAccessFindingsStatistics{
		TotalActiveFindings: ptr(counts[active]), TotalArchivedFindings: ptr(counts[archived]), TotalResolvedFindings: ptr(counts[resolved]),
	}
	for _, kind := range []string{typeRole, typeKey, typePassword, typePermission} {
		unused.UnusedAccessTypeStatistics = append(unused.UnusedAccessTypeStatistics, &api.UnusedAccessTypeStatistics{UnusedAccessType: ptr(kind), Total: ptr(kinds[kind])})
	}
	out.FindingsStatistics = []*api.FindingsStatistics{{UnusedAccessFindingsStatistics: unused}}
	return out, nil
}
