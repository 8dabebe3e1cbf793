package organizations

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
)

// The quotas of an organisation
// (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
const (
	maxUnits = 1000
	maxDepth = 5 // levels of units below the root
)

func (s *Service) registerUnits(d *door.Door) {
	door.Write(d, api.OpCreateOrganizationalUnit, on("CreateOrganizationalUnit",
		onTarget(func(in *api.CreateOrganizationalUnitRequest) *string { return in.ParentId }),
		withTags(func(in *api.CreateOrganizationalUnitRequest) []*api.Tag { return in.Tags })), s.createUnit)
	door.Read(d, api.OpDescribeOrganizationalUnit, on("DescribeOrganizationalUnit",
		onTarget(func(in *api.DescribeOrganizationalUnitRequest) *string { return in.OrganizationalUnitId })), s.describeUnit)
	door.Write(d, api.OpUpdateOrganizationalUnit, on("UpdateOrganizationalUnit",
		onTarget(func(in *api.UpdateOrganizationalUnitRequest) *string { return in.OrganizationalUnitId })), s.updateUnit)
	door.Write(d, api.OpDeleteOrganizationalUnit, on("DeleteOrganizationalUnit",
		onTarget(func(in *api.DeleteOrganizationalUnitRequest) *string { return in.OrganizationalUnitId })), s.deleteUnit)
}

func (s *Service) createUnit(c *door.Call, tx *store.Tx, in *api.CreateOrganizationalUnitRequest) (*api.CreateOrganizationalUnitResponse, error) {
	o, err := managed(c, tx)
	if err != nil {
		return nil, err
	}
	parent, err := o.target(tx, val(in.ParentId), errNoParent)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := o.roomFor(tx, parent); err != nil {
		return nil, err
	}
	if err := o.freeName(tx, parent.ID, val(in.Name), ""); err != nil {
		return nil, err
	}
	t := &target{Org: o.ID, ID: o.newUnitID(), Kind: api.TargetTypeOrganizationalUnit, Parent: parent.ID, Name: val(in.Name), Tags: tags}
	return &api.CreateOrganizationalUnitResponse{OrganizationalUnit: o.describeUnit(t)}, o.add(tx, t, c.Time)
}

// roomFor refuses a unit too many, or too deep.
func (o *organization) roomFor(r store.Reader, parent *target) error {
	way, err := o.way(r, parent)
	if err != nil {
		return err
	}
	if len(way) > maxDepth {
		return constraint("OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the allowed depth of organizational units: %d.", maxDepth)
	}
	units := 0
	for item, err := range targets.Scan(r, store.K(o.ID), nil) {
		if err != nil {
			return err
		}
		if item.Value.Kind == api.TargetTypeOrganizationalUnit {
			units++
		}
	}
	if units >= maxUnits {
		return constraint("OU_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of organizational units: %d.", maxUnits)
	}
	return nil
}

// freeName refuses a name that another unit below the parent has.
func (o *organization) freeName(r store.Reader, parent, name, except string) error {
	units, err := o.children(r, parent, api.TargetTypeOrganizationalUnit)
	if err != nil {
		return err
	}
	for _, u := range units {
		if u.Name == name && u.ID != except {
			return errSameUnit
		}
	}
	return nil
}

func (s *Service) describeUnit(c *door.Call, r store.Reader, in *api.DescribeOrganizationalUnitRequest) (*api.DescribeOrganizationalUnitResponse, error) {
	o, t, err := unit(c, r, in.OrganizationalUnitId)
	if err != nil {
		return nil, err
	}
	return &api.DescribeOrganizationalUnitResponse{OrganizationalUnit: o.describeUnit(t)}, nil
}

func unit(c *door.Call, r store.Reader, id *string) (*organization, *target, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, nil, err
	}
	t, err := o.target(r, val(id), errNoUnit)
	return o, t, err
}

func (s *Service) updateUnit(c *door.Call, tx *store.Tx, in *api.UpdateOrganizationalUnitRequest) (*api.UpdateOrganizationalUnitResponse, error) {
	o, t, err := unit(c, tx, in.OrganizationalUnitId)
	if err != nil {
		return nil, err
	}
	t.Name = or(in.Name, t.Name)
	if err := o.freeName(tx, t.Parent, t.Name, t.ID); err != nil {
		return nil, err
	}
	return &api.UpdateOrganizationalUnitResponse{OrganizationalUnit: o.describeUnit(t)}, t.put(tx)
}

func (s *Service) deleteUnit(c *door.Call, tx *store.Tx, in *api.DeleteOrganizationalUnitRequest) (*awsapi.None, error) {
	o, t, err := unit(c, tx, in.OrganizationalUnitId)
	if err != nil {
		return nil, err
	}
	below, err := o.children(tx, t.ID, "")
	if err != nil {
		return nil, err
	}
	if len(below) > 0 {
		return nil, errUnitNotEmpty
	}
	return &awsapi.None{}, targets.Delete(tx, store.K(o.ID, t.ID))
}

func (o *organization) describeUnit(t *target) *api.OrganizationalUnit {
	return &api.OrganizationalUnit{Id: &t.ID, Arn: str(o.at(t.ID)), Name: &t.Name}
}

// way is the targets from the root to one, both included.
func (o *organization) way(r store.Reader, t *target) ([]*target, error) {
	if t.Parent == "" {
		return []*target{t}, nil
	}
	parent, err := targets.Get(r, store.K(o.ID, t.Parent))
	if err != nil {
		return nil, corrupt(err, t.ID)
	}
	above, err := o.way(r, parent)
	return append(above, t), err
}
