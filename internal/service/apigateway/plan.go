package apigateway

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/store"
)

func findPlan(r store.Reader, c *door.Call, id string) (*planRow, error) {
	p, err := plans.Get(r, store.K(c.Account, c.Region, id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound("Invalid Usage Plan ID specified")
	}
	return p, err
}

func (s *Service) createPlan(c *door.Call, tx *store.Tx, in *api.CreateUsagePlanRequest) (*api.UsagePlan, error) {
	p := &planRow{Account: c.Account, Region: c.Region, Plan: api.UsagePlan{
		Id: ptr(newID(6)), Name: in.Name, Description: in.Description, ApiStages: in.ApiStages, Throttle: in.Throttle, Quota: in.Quota, Tags: in.Tags,
	}}
	return &p.Plan, putPlan(tx, p)
}

// putPlan checks and stores a plan. Its stages have to be there.
func putPlan(tx *store.Tx, p *planRow) error {
	if strings.TrimSpace(val(p.Plan.Name)) == "" {
		return badRequest("Usage Plan name must not be empty")
	}
	for _, st := range p.Plan.ApiStages {
		a, err := findAPI(tx, p.Account, p.Region, val(st.ApiId))
		if err != nil || a.Stages[val(st.Stage)] == nil {
			return notFound("API Stage not found: %.64s:%.128s", val(st.ApiId), val(st.Stage))
		}
	}
	if q := p.Plan.Quota; q != nil {
		if val(q.Limit) <= 0 || !slices.Contains([]string{"DAY", "WEEK", "MONTH"}, val(q.Period)) || val(q.Offset) < 0 {
			return badRequest("Usage Plan quota limit must be positive, and its period DAY, WEEK or MONTH")
		}
		if val(q.Offset) > 0 {
			return badRequest("A quota's offset does not exist here")
		}
	}
	if t := p.Plan.Throttle; t != nil && (val(t.RateLimit) < 0 || val(t.BurstLimit) < 0) {
		return badRequest("Usage Plan throttle rate limit must be positive")
	}
	if err := checkTags(p.Plan.Tags); err != nil {
		return err
	}
	return plans.Put(tx, p.key(), p)
}

func (s *Service) getPlan(c *door.Call, r store.Reader, in *api.GetUsagePlanRequest) (*api.UsagePlan, error) {
	p, err := findPlan(r, c, val(in.UsagePlanId))
	if err != nil {
		return nil, err
	}
	return &p.Plan, nil
}

func (s *Service) getPlans(c *door.Call, r store.Reader, in *api.GetUsagePlansRequest) (*api.UsagePlans, error) {
	rows, err := all(plans.Scan(r, store.K(c.Account, c.Region), nil))
	if err != nil {
		return nil, err
	}
	if in.KeyId != nil {
		rows = slices.DeleteFunc(rows, func(p *planRow) bool { return !slices.Contains(p.Keys, *in.KeyId) })
	}
	rows, next, err := page(rows, func(p *planRow) string { return val(p.Plan.Id) }, in.Position, in.Limit)
	out := &api.UsagePlans{Position: next}
	for _, p := range rows {
		out.Items = append(out.Items, &p.Plan)
	}
	return out, err
}

func (s *Service) updatePlan(c *door.Call, tx *store.Tx, in *api.UpdateUsagePlanRequest) (*api.UsagePlan, error) {
	p, err := findPlan(tx, c, val(in.UsagePlanId))
	if err != nil {
		return nil, err
	}
	for _, op := range in.PatchOperations {
		if err := patchPlan(&p.Plan, op); err != nil {
			return nil, err
		}
	}
	return &p.Plan, putPlan(tx, p)
}

// patchPlan changes a plan; its stages are named API:STAGE.
func patchPlan(p *api.UsagePlan, op *api.PatchOperation) error {
	path := val(op.Path)
	switch {
	case path == "/apiStages":
		return patchStages(p, val(op.Op), val(op.Value))
	case strings.HasPrefix(path, "/apiStages/"):
		id, stage, _ := strings.Cut(splitPath(path)[1], ":")
		for _, st := range p.ApiStages {
			if val(st.ApiId) == id && val(st.Stage) == stage {
				return patchThrottle(st, op)
			}
		}
		return notFound("API Stage not found: %.200s", path)
	}
	return patch(p, []*api.PatchOperation{op}, "/name", "/description", "/productCode", "/throttle", "/throttle/rateLimit", "/throttle/burstLimit",
		"/quota", "/quota/limit", "/quota/offset", "/quota/period")
}

// patchThrottle changes a method's own limits: /apiStages/API:STAGE/throttle/~1path/GET/rateLimit.
func patchThrottle(st *api.ApiStage, op *api.PatchOperation) error {
	parts := strings.Split(strings.TrimPrefix(val(op.Path), "/"), "/")
	out := *op
	switch {
	case len(parts) == 6 && parts[2] == "throttle":
		out.Path = ptr("/throttle/" + parts[3] + "~1" + parts[4] + "/" + parts[5])
	case len(parts) == 5 && parts[2] == "throttle":
		out.Path = ptr("/throttle/" + parts[3] + "~1" + parts[4])
	case len(parts) == 3:
		out.Path = ptr("/throttle")
	}
	return patch(st, []*api.PatchOperation{&out}, "/throttle", "/throttle/*", "/throttle/*/rateLimit", "/throttle/*/burstLimit")
}

func patchStages(p *api.UsagePlan, op, value string) error {
	id, stage, ok := strings.Cut(value, ":")
	at := slices.IndexFunc(p.ApiStages, func(st *api.ApiStage) bool { return val(st.ApiId) == id && val(st.Stage) == stage })
	switch {
	case !ok:
		return badRequest("Invalid patch value  specified '%.200s' for path '/apiStages': it is API:STAGE", value)
	case op == "add" && at < 0:
		p.ApiStages = append(p.ApiStages, &api.ApiStage{ApiId: &id, Stage: &stage})
	case op == "remove" && at >= 0:
		p.ApiStages = slices.Delete(p.ApiStages, at, at+1)
	case op == "remove":
		return notFound("API Stage not found: %.200s", value)
	case op != "add":
		return badRequest("Invalid patch operation specified. Must be 'add'|'remove' for /apiStages")
	}
	return nil
}

func (s *Service) deletePlan(c *door.Call, tx *store.Tx, in *api.DeleteUsagePlanRequest) (*awsapi.None, error) {
	p, err := findPlan(tx, c, val(in.UsagePlanId))
	if err != nil {
		return nil, err
	}
	if len(p.Plan.ApiStages) > 0 {
		return nil, badRequest("Cannot delete usage plan '%s' because it is associated with API stages. Please remove all associated API stages and try again.", *p.Plan.Id)
	}
	for _, id := range slices.Clone(p.Keys) {
		if err := dropKey(tx, p, id); err != nil {
			return nil, err
		}
	}
	return &awsapi.None{}, plans.Delete(tx, p.key())
}

// mostPlanKeys bounds a plan's row.
const mostPlanKeys = 10_000

func (s *Service) createPlanKey(c *door.Call, tx *store.Tx, in *api.CreateUsagePlanKeyRequest) (*api.UsagePlanKey, error) {
	p, err := findPlan(tx, c, val(in.UsagePlanId))
	if err != nil {
		return nil, err
	}
	if val(in.KeyType) != "API_KEY" {
		return nil, badRequest("Invalid key type: it is API_KEY")
	}
	k, err := findKey(tx, c, val(in.KeyId))
	if err != nil {
		return nil, err
	}
	if slices.Contains(p.Keys, *k.Key.Id) {
		return nil, conflict("%s is already subscribed to usage plan %s.", *k.Key.Id, *p.Plan.Id)
	}
	if len(p.Keys) >= mostPlanKeys {
		return nil, awsapi.Errorf("LimitExceededException", "Maximum number of keys for this usage plan has been reached: %d", mostPlanKeys)
	}
	p.Keys = append(p.Keys, *k.Key.Id)
	return planKey(k), plans.Put(tx, p.key(), p)
}

func planKey(k *keyRow) *api.UsagePlanKey {
	return &api.UsagePlanKey{Id: k.Key.Id, Type: ptr("API_KEY"), Name: k.Key.Name}
}

func (s *Service) findPlanKey(c *door.Call, r store.Reader, plan, id *string) (*planRow, *keyRow, error) {
	p, err := findPlan(r, c, val(plan))
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(p.Keys, val(id)) {
		return nil, nil, notFound("Usage Plan key not found: Invalid Usage Plan Key identifier specified")
	}
	k, err := findKey(r, c, val(id))
	return p, k, err
}

func (s *Service) getPlanKey(c *door.Call, r store.Reader, in *api.GetUsagePlanKeyRequest) (*api.UsagePlanKey, error) {
	_, k, err := s.findPlanKey(c, r, in.UsagePlanId, in.KeyId)
	if err != nil {
		return nil, err
	}
	return planKey(k), nil
}

func (s *Service) getPlanKeys(c *door.Call, r store.Reader, in *api.GetUsagePlanKeysRequest) (*api.UsagePlanKeys, error) {
	p, err := findPlan(r, c, val(in.UsagePlanId))
	if err != nil {
		return nil, err
	}
	var found []*api.UsagePlanKey
	for _, id := range p.Keys {
		k, err := findKey(r, c, id)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(val(k.Key.Name), val(in.NameQuery)) {
			found = append(found, planKey(k))
		}
	}
	found, next, err := page(found, func(k *api.UsagePlanKey) string { return val(k.Id) }, in.Position, in.Limit)
	return &api.UsagePlanKeys{Items: found, Position: next}, err
}

func (s *Service) deletePlanKey(c *door.Call, tx *store.Tx, in *api.DeleteUsagePlanKeyRequest) (*awsapi.None, error) {
	p, _, err := s.findPlanKey(c, tx, in.UsagePlanId, in.KeyId)
	if err != nil {
		return nil, err
	}
	return &awsapi.None{}, dropKey(tx, p, *in.KeyId)
}

// dropKey takes a key out of a plan, with what it has used.
func dropKey(tx *store.Tx, p *planRow, id string) error {
	p.Keys = slices.DeleteFunc(p.Keys, func(k string) bool { return k == id })
	if err := usages.Delete(tx, append(p.key(), id)); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return plans.Put(tx, p.key(), p)
}

const day = "2006-01-02"

func (s *Service) getUsage(c *door.Call, r store.Reader, in *api.GetUsageRequest) (*api.Usage, error) {
	p, err := findPlan(r, c, val(in.UsagePlanId))
	if err != nil {
		return nil, err
	}
	from, err1 := time.Parse(day, val(in.StartDate))
	to, err2 := time.Parse(day, val(in.EndDate))
	if err1 != nil || err2 != nil || to.Before(from) || to.Sub(from) > 90*24*time.Hour {
		return nil, badRequest("Usage Plan date range is invalid: from startDate to endDate, in the form 2006-01-02, at most 90 days")
	}
	out := &api.Usage{UsagePlanId: p.Plan.Id, StartDate: in.StartDate, EndDate: in.EndDate, Items: map[string][][]int64{}}
	ids, next, err := page(slices.Clone(p.Keys), func(id string) string { return id }, in.Position, in.Limit)
	if err != nil {
		return nil, err
	}
	out.Position = next
	for _, id := range ids {
		if in.KeyId != nil && id != *in.KeyId {
			continue
		}
		u, err := usages.Get(r, append(p.key(), id))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for d := from; !d.After(to); d = d.AddDate(0, 0, 1) {
			out.Items[id] = append(out.Items[id], []int64{u.Days[d.Format(day)], u.left(p.Plan.Quota, d)})
		}
	}
	return out, nil
}

// begins is when the period of a quota began that a time is in.
func begins(period string, at time.Time) time.Time {
	d := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	switch period {
	case "WEEK":
		return d.AddDate(0, 0, -int(d.Weekday()))
	case "MONTH":
		return d.AddDate(0, 0, 1-d.Day())
	}
	return d
}

// left is what is left of a quota after a day.
func (u *usageRow) left(q *api.QuotaSettings, at time.Time) int64 {
	if q == nil {
		return 0
	}
	used := int64(0)
	for d := begins(val(q.Period), at); !d.After(at); d = d.AddDate(0, 0, 1) {
		used += u.Days[d.Format(day)]
	}
	return max(0, val(q.Limit)-used)
}

// spend counts a request of a key and says whether its quota allowed it.
func (s *Service) spend(ctx context.Context, p *planRow, key string, now time.Time) (allowed bool, err error) {
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		place := append(p.key(), key)
		u, err := usages.Get(tx, place)
		if errors.Is(err, store.ErrNotFound) {
			u, err = &usageRow{Plan: val(p.Plan.Id), Key: key}, nil
		}
		if err != nil {
			return err
		}
		today := now.UTC()
		if allowed = u.left(p.Plan.Quota, today) > 0; !allowed {
			return nil
		}
		if u.Days == nil {
			u.Days = map[string]int64{}
		}
		u.Days[today.Format(day)]++
		u.Updated = now
		for d := range u.Days {
			if at, err := time.Parse(day, d); err != nil || now.Sub(at) > 100*24*time.Hour {
				delete(u.Days, d)
			}
		}
		return usages.Put(tx, place, u)
	})
	return allowed, err
}

func itoa(n int) string { return strconv.Itoa(n) }
