package iam

import (
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

// usage counts where a managed policy is in use in one account.
type usage struct{ attached, boundary int64 }

// matches decides the filters of ListPolicies.
func (u usage) matches(onlyAttached bool, filter string) bool {
	switch filter {
	case api.PolicyUsageTypePermissionsPolicy:
		return u.attached > 0
	case api.PolicyUsageTypePermissionsBoundary:
		return u.boundary > 0
	}
	return !onlyAttached || u.attached+u.boundary > 0
}

// usageOf counts the uses of one policy.
func usageOf(r store.Reader, account, arn string) (usage, error) {
	var u usage
	err := walk(r, store.K(account, arn), func(string) { u.attached++ }, func(string) { u.boundary++ })
	return u, err
}

// usages counts the uses of every policy that is in use.
func usages(r store.Reader, account string) (map[string]usage, error) {
	all := map[string]usage{}
	err := walk(r, store.K(account),
		func(arn string) { u := all[arn]; u.attached++; all[arn] = u },
		func(arn string) { u := all[arn]; u.boundary++; all[arn] = u })
	return all, err
}

// walk visits every attachment and boundary under an index key.
func walk(r store.Reader, key store.Key, attached, boundary func(arn string)) error {
	visits := []error{
		visit(r, userKind, "policy", key, attached), visit(r, userKind, "boundary", key, boundary),
		visit(r, groupKind, "policy", key, attached),
		visit(r, roleKind, "policy", key, attached), visit(r, roleKind, "boundary", key, boundary),
	}
	for _, err := range visits {
		if err != nil {
			return err
		}
	}
	return nil
}

func visit[T any](r store.Reader, k *kind[T], index string, key store.Key, fn func(arn string)) error {
	for item, err := range k.table.ScanIndex(r, index, key, nil) {
		if err != nil {
			return err
		}
		fn(item.Index[1].(string))
	}
	return nil
}

// holder is an entity that uses a policy.
type holder struct{ kind, name, id, path string }

func (h holder) key() string { return h.kind + " " + fold(h.name) }

func (s *Service) listEntitiesForPolicy(c *door.Call, r store.Reader, in *api.ListEntitiesForPolicyRequest) (*api.ListEntitiesForPolicyResponse, error) {
	p, err := findPolicy(r, c.Account, awsapi.Val(in.PolicyArn))
	if err != nil {
		return nil, err
	}
	holders, err := holdersOf(r, c.Account, p.arn(), awsapi.Val(in.PolicyUsageFilter))
	if err != nil {
		return nil, err
	}
	holders = keep(holders, func(h holder) bool {
		filter := awsapi.Val(in.EntityFilter)
		return (filter == "" || filter == h.kind) && strings.HasPrefix(h.path, awsapi.Val(in.PathPrefix))
	})
	page, err := paginate(holders, holder.key, in.Marker, in.MaxItems)
	answer := &api.ListEntitiesForPolicyResponse{IsTruncated: page.truncated, Marker: page.marker}
	for _, h := range page.items {
		h.addTo(answer)
	}
	return answer, err
}

func (h holder) addTo(answer *api.ListEntitiesForPolicyResponse) {
	name, id := str(h.name), str(h.id)
	switch h.kind {
	case api.EntityTypeUser:
		answer.PolicyUsers = append(answer.PolicyUsers, &api.PolicyUser{UserName: name, UserId: id})
	case api.EntityTypeGroup:
		answer.PolicyGroups = append(answer.PolicyGroups, &api.PolicyGroup{GroupName: name, GroupId: id})
	case api.EntityTypeRole:
		answer.PolicyRoles = append(answer.PolicyRoles, &api.PolicyRole{RoleName: name, RoleId: id})
	}
}

// holdersOf finds who uses a policy, each once, sorted by kind and name.
func holdersOf(r store.Reader, account, arn, filter string) ([]holder, error) {
	indexes := []string{"policy", "boundary"}
	switch filter {
	case api.PolicyUsageTypePermissionsPolicy:
		indexes = indexes[:1]
	case api.PolicyUsageTypePermissionsBoundary:
		indexes = indexes[1:]
	}
	var all []holder
	for _, index := range indexes {
		u, err := holdersIn(r, userKind, index, account, arn)
		if err != nil {
			return nil, err
		}
		ro, err := holdersIn(r, roleKind, index, account, arn)
		if err != nil {
			return nil, err
		}
		all = append(append(all, u...), ro...)
		if index == "policy" {
			g, err := holdersIn(r, groupKind, index, account, arn)
			if err != nil {
				return nil, err
			}
			all = append(all, g...)
		}
	}
	slices.SortFunc(all, func(a, b holder) int { return strings.Compare(a.key(), b.key()) })
	return slices.Compact(all), nil
}

func holdersIn[T any](r store.Reader, k *kind[T], index, account, arn string) ([]holder, error) {
	found, err := k.holding(r, index, store.K(account, arn))
	return each(found, func(v *T) holder {
		e := k.entity(v)
		return holder{k.title, e.Name, e.ID, e.Path}
	}), err
}
