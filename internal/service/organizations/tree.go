package organizations

import (
	"fmt"

	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerTree(d *door.Door) {
	door.Read(d, api.OpListRoots, on[api.ListRootsRequest]("ListRoots"), s.listRoots)
	door.Read(d, api.OpListParents, on("ListParents",
		onTarget(func(in *api.ListParentsRequest) *string { return in.ChildId })), s.listParents)
	door.Read(d, api.OpListChildren, on("ListChildren",
		onTarget(func(in *api.ListChildrenRequest) *string { return in.ParentId })), s.listChildren)
	door.Read(d, api.OpListOrganizationalUnitsForParent, on("ListOrganizationalUnitsForParent",
		onTarget(func(in *api.ListOrganizationalUnitsForParentRequest) *string { return in.ParentId })), s.listUnits)
}

func (s *Service) listRoots(c *door.Call, r store.Reader, _ *api.ListRootsRequest) (*api.ListRootsResponse, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, err
	}
	return &api.ListRootsResponse{Roots: []*api.Root{o.describeRoot()}}, nil
}

func (o *organization) describeRoot() *api.Root {
	return &api.Root{Id: &o.Root, Arn: str(o.at(o.Root)), Name: str("Root"), PolicyTypes: each(o.Enabled, enabledType)}
}

func (s *Service) listParents(c *door.Call, r store.Reader, in *api.ListParentsRequest) (*api.ListParentsResponse, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, err
	}
	t, err := o.target(r, val(in.ChildId), errNoChild)
	if err != nil {
		return nil, err
	}
	return &api.ListParentsResponse{Parents: []*api.Parent{{Id: &t.Parent, Type: str(parentType(t.Parent))}}}, nil
}

func (s *Service) listChildren(c *door.Call, r store.Reader, in *api.ListChildrenRequest) (*api.ListChildrenResponse, error) {
	_, below, err := childrenOf(c, r, in.ParentId, val(in.ChildType))
	if err != nil {
		return nil, err
	}
	shown, next, err := page(below, targetID, in.NextToken, in.MaxResults)
	return &api.ListChildrenResponse{NextToken: next, Children: each(shown, func(t *target) *api.Child {
		return &api.Child{Id: &t.ID, Type: &t.Kind}
	})}, err
}

func targetID(t *target) string { return t.ID }

// childrenOf are the targets of a kind below the parent that a caller names.
func childrenOf(c *door.Call, r store.Reader, parent *string, kind string) (*organization, []*target, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, nil, err
	}
	t, err := o.target(r, val(parent), errNoParent)
	if err != nil {
		return nil, nil, err
	}
	below, err := o.children(r, t.ID, kind)
	return o, below, err
}

func (s *Service) listUnits(c *door.Call, r store.Reader, in *api.ListOrganizationalUnitsForParentRequest) (*api.ListOrganizationalUnitsForParentResponse, error) {
	o, below, err := childrenOf(c, r, in.ParentId, api.TargetTypeOrganizationalUnit)
	if err != nil {
		return nil, err
	}
	shown, next, err := page(below, targetID, in.NextToken, in.MaxResults)
	return &api.ListOrganizationalUnitsForParentResponse{NextToken: next, OrganizationalUnits: each(shown, o.describeUnit)}, err
}

// corrupt is the error for a row that others point to and that is not there. It
// must not be taken for the absence of what was asked for.
func corrupt(err error, what string) error {
	return fmt.Errorf("%w: the tree of %s is broken: %v", store.ErrCorrupt, what, err)
}
