package organizations

import (
	"slices"

	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerTypes(d *door.Door) {
	door.Write(d, api.OpEnablePolicyType, on("EnablePolicyType",
		onTarget(func(in *api.EnablePolicyTypeRequest) *string { return in.RootId }),
		ofType(func(in *api.EnablePolicyTypeRequest) *string { return in.PolicyType })), s.enableType)
	door.Write(d, api.OpDisablePolicyType, on("DisablePolicyType",
		onTarget(func(in *api.DisablePolicyTypeRequest) *string { return in.RootId }),
		ofType(func(in *api.DisablePolicyTypeRequest) *string { return in.PolicyType })), s.disableType)
}

// enableType has policies of a type count. Each target has the one that limits
// nothing at first
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnablePolicyType.html).
func (s *Service) enableType(c *door.Call, tx *store.Tx, in *api.EnablePolicyTypeRequest) (*api.EnablePolicyTypeResponse, error) {
	o, err := ofRoot(c, tx, in.RootId)
	if err != nil {
		return nil, err
	}
	kind := val(in.PolicyType)
	switch {
	case !slices.Contains(o.available(), kind):
		return nil, noSuchType(kind)
	case o.enabled(kind):
		return nil, errTypeEnabled
	}
	o.Enabled = append(o.Enabled, kind)
	err = o.eachTarget(tx, func(t *target) { t.Policies[kind] = []string{fullAccess[kind].ID} })
	if err != nil {
		return nil, err
	}
	return &api.EnablePolicyTypeResponse{Root: o.describeRoot()}, o.put(tx)
}

// disableType detaches every policy of a type
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_DisablePolicyType.html).
func (s *Service) disableType(c *door.Call, tx *store.Tx, in *api.DisablePolicyTypeRequest) (*api.DisablePolicyTypeResponse, error) {
	o, err := ofRoot(c, tx, in.RootId)
	if err != nil {
		return nil, err
	}
	kind := val(in.PolicyType)
	if !o.enabled(kind) {
		return nil, errTypeNotEnabled
	}
	o.Enabled = slices.DeleteFunc(o.Enabled, func(k string) bool { return k == kind })
	if err := o.eachTarget(tx, func(t *target) { delete(t.Policies, kind) }); err != nil {
		return nil, err
	}
	return &api.DisablePolicyTypeResponse{Root: o.describeRoot()}, o.put(tx)
}

// ofRoot is the organisation that the caller manages, if its root is the one
// that is named.
func ofRoot(c *door.Call, r store.Reader, id *string) (*organization, error) {
	o, err := managed(c, r)
	if err == nil && o.Root != val(id) {
		return nil, errNoRoot
	}
	return o, err
}

// eachTarget changes every target of the organisation.
func (o *organization) eachTarget(tx *store.Tx, change func(*target)) error {
	found, err := all(targets.Scan(tx, store.K(o.ID), nil))
	if err != nil {
		return err
	}
	for _, t := range found {
		if t.Policies == nil {
			t.Policies = map[string][]string{}
		}
		change(t)
		if err := t.put(tx); err != nil {
			return err
		}
	}
	return nil
}
