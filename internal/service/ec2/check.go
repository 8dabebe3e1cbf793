package ec2

import (
	"errors"
	"fmt"
	"slices"

	"cloister/internal/store"
)

// Check verifies that what resources refer to is there, and that every VPC has
// one main route table, one default network ACL and one default group.
func (s *Service) Check(r store.Reader) error {
	var bad []error
	for item, err := range vpcs.rows.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		bad = append(bad, checkVPC(r, item.Value)...)
	}
	for item, err := range subnets.rows.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		n := item.Value
		if _, err := vpcs.get(r, store.K(n.Account, n.Region, n.VPC)); err != nil {
			bad = append(bad, fmt.Errorf("subnet %s: VPC: %w", n.ID, err))
		}
		if l, err := acls.get(r, store.K(n.Account, n.Region, n.ACL)); err != nil || l.VPC != n.VPC {
			bad = append(bad, fmt.Errorf("subnet %s: network ACL %s: %w", n.ID, n.ACL, err))
		}
	}
	for item, err := range ifaces.rows.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		e := item.Value
		if n, err := subnets.get(r, store.K(e.Account, e.Region, e.Subnet)); err != nil || n.VPC != e.VPC {
			bad = append(bad, fmt.Errorf("interface %s: subnet: %w", e.ID, err))
		}
		for _, id := range e.Groups {
			if g, err := groups.get(r, store.K(e.Account, e.Region, id)); err != nil || g.VPC != e.VPC {
				bad = append(bad, fmt.Errorf("interface %s: group %s: %w", e.ID, id, err))
			}
		}
	}
	return errors.Join(bad...)
}

func checkVPC(r store.Reader, v *vpc) (bad []error) {
	tables, err := routeTables.within(r, v.Account, v.Region, v.ID)
	bad = append(bad, err)
	lists, err := acls.within(r, v.Account, v.Region, v.ID)
	bad = append(bad, err)
	own, err := groups.within(r, v.Account, v.Region, v.ID)
	bad = append(bad, err)
	mains := len(slices.DeleteFunc(slices.Clone(tables), func(t *routeTable) bool { return !t.main() }))
	byDefault := len(slices.DeleteFunc(slices.Clone(lists), func(l *acl) bool { return !l.Default }))
	named := len(slices.DeleteFunc(slices.Clone(own), func(g *group) bool { return g.Name != "default" }))
	if mains != 1 || byDefault != 1 || named != 1 {
		bad = append(bad, fmt.Errorf("VPC %s has %d main route tables, %d default ACLs, %d default groups", v.ID, mains, byDefault, named))
	}
	ids := map[string]bool{}
	for _, g := range own {
		for _, x := range g.Rules {
			if ids[x.ID] {
				bad = append(bad, fmt.Errorf("the rule id %s is there twice", x.ID))
			}
			ids[x.ID] = true
		}
	}
	return bad
}
