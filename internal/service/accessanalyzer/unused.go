package accessanalyzer

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"cloister/internal/store"
	"cloister/policy"
	"cloister/policy/catalog"
)

// unused adds what of an account's users and roles was not used within the
// analyzer's tracking period. It says at whom it looked.
func (s *Service) unused(r store.Reader, a *analyzer, now time.Time, found map[string]*finding, looked func(arn string)) error {
	limit := now.AddDate(0, 0, -int(a.Age))
	for who, err := range s.Identities(r, a.Account) {
		if err != nil {
			return err
		}
		looked(who.ARN)
		if a.excludes(who.Tags) {
			continue
		}
		used, err := uses.Get(r, store.K(a.Account, who.ARN))
		if errors.Is(err, store.ErrNotFound) {
			used, err = &use{}, nil
		}
		if err != nil {
			return err
		}
		s.unusedOf(a, &who, used.since(who.Created.Truncate(time.Second)), limit, now, found)
	}
	return nil
}

func (s *Service) unusedOf(a *analyzer, who *Identity, used *use, limit, now time.Time, found map[string]*finding) {
	add := func(f *finding) { found[f.ID] = f }
	if who.Role && who.Created.Before(limit) && used.Last.Before(limit) {
		f := a.finding(typeRole, who.ARN, now, who.ARN)
		f.LastUsed = used.Last
		add(f)
		return // all of its permissions are unused
	}
	for _, k := range who.Keys {
		if k.Created.Before(limit) && k.LastUsed.Before(limit) {
			f := a.finding(typeKey, who.ARN, now, who.ARN, k.ID)
			f.AccessKeyID, f.LastUsed = k.ID, k.LastUsed
			add(f)
		}
	}
	if !who.Password.IsZero() && who.Password.Before(limit) {
		add(a.finding(typePassword, who.ARN, now, who.ARN))
	}
	if services := s.unusedServices(who, used, limit); services != nil && who.Created.Before(limit) {
		f := a.finding(typePermission, who.ARN, now, who.ARN)
		f.Services, f.LastUsed = services, used.Last
		add(f)
	}
}

// unusedServices are the services, and of those that were used the actions, that
// an identity's policies allow and that were not used within the period.
func (s *Service) unusedServices(who *Identity, used *use, limit time.Time) []unusedService {
	var all []unusedService
	for _, prefix := range s.granted(who.Policies) {
		u := unusedService{Namespace: prefix}
		known, _ := catalog.Find(prefix)
		allowed := 0
		for i := range known.Actions {
			action := prefix + ":" + known.Actions[i].Name
			if !mayDo(who.Policies, action) {
				continue
			}
			allowed++
			at := used.Actions[strings.ToLower(action)]
			if at.After(u.LastUsed) {
				u.LastUsed = at
			}
			if at.Before(limit) {
				u.Actions = append(u.Actions, unusedAction{known.Actions[i].Name, at})
			}
		}
		switch {
		case len(u.Actions) == 0:
			continue
		case len(u.Actions) == allowed && u.LastUsed.Before(limit):
			u.Actions = nil // the service as a whole
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(x, y unusedService) int { return cmp.Compare(x.Namespace, y.Namespace) })
	return all
}

// granted are the services that policies may allow something of: this node's, and
// those that a policy names.
func (s *Service) granted(policies []policy.Named) []string {
	candidates := map[string]bool{}
	for _, prefix := range s.Services {
		candidates[prefix] = true
	}
	for _, p := range policies {
		if p.Policy == nil {
			continue
		}
		for _, prefix := range p.Policy.Services() {
			candidates[prefix] = true
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(candidates)), func(prefix string) bool {
		_, known := catalog.Find(prefix)
		return !known
	})
}

// mayDo says whether policies allow an action for some request.
func mayDo(policies []policy.Named, action string) bool {
	may := false
	for _, p := range policies {
		if p.Policy == nil {
			continue
		}
		if p.Policy.AlwaysDenies(action) {
			return false
		}
		may = may || p.Policy.MayAllow(action)
	}
	return may
}
