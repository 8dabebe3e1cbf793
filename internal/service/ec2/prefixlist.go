package ec2

import (
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
)

const (
	mostListEntries  = 1000
	mostListVersions = 100 // that are kept
)

func (s *Service) registerPrefixLists() {
	change(s, api.OpCreateManagedPrefixList, tagged("CreateManagedPrefixList", func(*api.CreateManagedPrefixListRequest) []use { return making(prefixLists.class, nil) },
		func(in *api.CreateManagedPrefixListRequest) []*api.TagSpecification { return in.TagSpecifications }), s.createList)
	change(s, api.OpDeleteManagedPrefixList, on("DeleteManagedPrefixList", func(in *api.DeleteManagedPrefixListRequest) []use { return its(prefixLists.class, in.PrefixListId) }), s.deleteList)
	change(s, api.OpModifyManagedPrefixList, on("ModifyManagedPrefixList", func(in *api.ModifyManagedPrefixListRequest) []use { return its(prefixLists.class, in.PrefixListId) }), s.modifyList)
	show(s, api.OpDescribeManagedPrefixLists, nothing[api.DescribeManagedPrefixListsRequest]("DescribeManagedPrefixLists"), s.describeLists)
	show(s, api.OpGetManagedPrefixListEntries, on("GetManagedPrefixListEntries", func(in *api.GetManagedPrefixListEntriesRequest) []use { return its(prefixLists.class, in.PrefixListId) }), s.listEntries)
}

func (s *Service) createList(c *door.Call, tx *store.Tx, in *api.CreateManagedPrefixListRequest) (*api.CreateManagedPrefixListResult, error) {
	if err := required("PrefixListName", in.PrefixListName, "AddressFamily", in.AddressFamily); err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(*in.PrefixListName, "com.amazonaws"), len(*in.PrefixListName) > 255:
		return nil, badValue("The prefix list name '%s' is invalid", *in.PrefixListName)
	case *in.AddressFamily != "IPv4" && *in.AddressFamily != "IPv6":
		return nil, badValue("The address family '%s' is invalid. Valid values are IPv4 and IPv6.", *in.AddressFamily)
	case val(in.MaxEntries) < 1 || val(in.MaxEntries) > mostListEntries:
		return nil, badValue("MaxEntries must be between 1 and %d.", mostListEntries)
	}
	tags, err := newTags(in.TagSpecifications, prefixLists.class)
	if err != nil {
		return nil, err
	}
	p := &prefixList{Head: s.fresh(c, prefixLists.class, "", tags), Name: *in.PrefixListName, Family: *in.AddressFamily, Max: *in.MaxEntries, Version: 1}
	entries, err := p.add(nil, in.Entries)
	if err != nil {
		return nil, err
	}
	p.Versions = map[int64][]listEntry{1: entries}
	return &api.CreateManagedPrefixListResult{PrefixList: p.wire("create-complete")}, prefixLists.insert(tx, p)
}

// add gives entries with others; one that is there already gets the new
// description.
func (p *prefixList) add(entries []listEntry, more []*api.AddPrefixListEntry) ([]listEntry, error) {
	for _, e := range more {
		cidr, err := p.block(e.Cidr)
		if err != nil {
			return nil, err
		}
		entries = slices.DeleteFunc(entries, func(o listEntry) bool { return o.CIDR == cidr })
		entries = append(entries, listEntry{cidr, val(e.Description)})
	}
	if int64(len(entries)) > p.Max {
		return nil, awsapi.Errorf("PrefixListMaxEntriesExceeded", "You have reached the maximum number of entries for the prefix list '%s' (%d).", p.ID, p.Max)
	}
	return entries, nil
}

func (p *prefixList) block(text *string) (string, error) {
	b, err := netip.ParsePrefix(val(text))
	if err != nil || b.Addr().Is4() != (p.Family == "IPv4") || b.Addr().Is4In6() {
		return "", badValue("The CIDR '%s' is invalid for a prefix list of the address family %s.", val(text), p.Family)
	}
	return b.Masked().String(), nil
}

// entries are those of the current version.
func (p *prefixList) entries() []listEntry { return p.Versions[p.Version] }

func (s *Service) modifyList(c *door.Call, tx *store.Tx, in *api.ModifyManagedPrefixListRequest) (*api.ModifyManagedPrefixListResult, error) {
	p, err := prefixLists.find(c, tx, val(in.PrefixListId))
	if err != nil {
		return nil, err
	}
	changes := len(in.AddEntries)+len(in.RemoveEntries) > 0
	if changes && in.CurrentVersion == nil {
		return nil, missing("CurrentVersion")
	}
	if in.CurrentVersion != nil && *in.CurrentVersion != p.Version {
		return nil, awsapi.Errorf("PrefixListVersionMismatch", "The prefix list has the incorrect version number.")
	}
	if in.PrefixListName != nil {
		p.Name = *in.PrefixListName
	}
	if in.MaxEntries != nil {
		if *in.MaxEntries < int64(len(p.entries())) || *in.MaxEntries > mostListEntries {
			return nil, badValue("MaxEntries must be between the number of entries and %d.", mostListEntries)
		}
		p.Max = *in.MaxEntries
	}
	if changes {
		if err := p.revise(in); err != nil {
			return nil, err
		}
	}
	return &api.ModifyManagedPrefixListResult{PrefixList: p.wire("modify-complete")}, prefixLists.put(tx, p)
}

func (p *prefixList) revise(in *api.ModifyManagedPrefixListRequest) error {
	entries := slices.Clone(p.entries())
	for _, e := range in.RemoveEntries {
		cidr, err := p.block(e.Cidr)
		if err != nil {
			return err
		}
		before := len(entries)
		if entries = slices.DeleteFunc(entries, func(o listEntry) bool { return o.CIDR == cidr }); len(entries) == before {
			return badValue("The CIDR '%s' does not exist in the prefix list '%s'.", cidr, p.ID)
		}
	}
	entries, err := p.add(entries, in.AddEntries)
	if err != nil {
		return err
	}
	p.Version++
	p.Versions[p.Version] = entries
	delete(p.Versions, p.Version-mostListVersions)
	return nil
}

func (s *Service) deleteList(c *door.Call, tx *store.Tx, in *api.DeleteManagedPrefixListRequest) (*api.DeleteManagedPrefixListResult, error) {
	p, err := prefixLists.find(c, tx, val(in.PrefixListId))
	if err != nil {
		return nil, err
	}
	own, err := groups.list(tx, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	tables, err := routeTables.list(tx, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(own, func(g *group) bool {
		return slices.ContainsFunc(g.Rules, func(x rule) bool { return x.PrefixList == p.ID })
	}) || slices.ContainsFunc(tables, func(t *routeTable) bool {
		return slices.ContainsFunc(t.Routes, func(x route) bool { return x.To == p.ID })
	}) {
		return nil, awsapi.Errorf("PrefixListInUse", "The prefix list '%s' is referenced by a security group or a route table and cannot be deleted.", p.ID)
	}
	return &api.DeleteManagedPrefixListResult{PrefixList: p.wire("delete-complete")}, prefixLists.remove(tx, p)
}

func (s *Service) describeLists(c *door.Call, r store.Reader, in *api.DescribeManagedPrefixListsRequest) (*api.DescribeManagedPrefixListsResult, error) {
	page, next, err := prefixLists.ask(c, r, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken}, fields[*prefixList]{
		"prefix-list-id":   one(func(p *prefixList) string { return p.ID }),
		"prefix-list-name": one(func(p *prefixList) string { return p.Name }),
	})
	out := &api.DescribeManagedPrefixListsResult{NextToken: next, PrefixLists: []*api.ManagedPrefixList{}}
	for _, p := range page {
		out.PrefixLists = append(out.PrefixLists, p.wire("create-complete"))
	}
	return out, err
}

func (p *prefixList) wire(state string) *api.ManagedPrefixList {
	return &api.ManagedPrefixList{PrefixListId: ptr(p.ID), PrefixListArn: ptr(p.arn(prefixLists.class)), PrefixListName: ptr(p.Name), AddressFamily: ptr(p.Family),
		MaxEntries: ptr(p.Max), Version: ptr(p.Version), OwnerId: ptr(p.Account), State: ptr(state), Tags: wireTags(p.Tags)}
}

func (s *Service) listEntries(c *door.Call, r store.Reader, in *api.GetManagedPrefixListEntriesRequest) (*api.GetManagedPrefixListEntriesResult, error) {
	p, err := prefixLists.find(c, r, val(in.PrefixListId))
	if err != nil {
		return nil, err
	}
	version := p.Version
	if in.TargetVersion != nil {
		version = *in.TargetVersion
	}
	entries, ok := p.Versions[version]
	if !ok {
		return nil, badValue("The prefix list '%s' has no version %d.", p.ID, version)
	}
	entries = slices.SortedFunc(slices.Values(entries), func(a, b listEntry) int { return strings.Compare(a.CIDR, b.CIDR) })
	page, next, err := cut(entries, query{max: in.MaxResults, token: in.NextToken}, func(e listEntry) string { return e.CIDR })
	out := &api.GetManagedPrefixListEntriesResult{NextToken: next, Entries: []*api.PrefixListEntry{}}
	for _, e := range page {
		out.Entries = append(out.Entries, &api.PrefixListEntry{Cidr: ptr(e.CIDR), Description: some(e.Description)})
	}
	return out, err
}
