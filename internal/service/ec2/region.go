package ec2

import (
	"slices"
	"strings"

	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
)

// regions are those that are on without asking for them on AWS. Any other name
// is a region here, too.
var regions = []string{
	"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1",
	"eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
}

func (s *Service) registerRegions() {
	show(s, api.OpDescribeRegions, nothing[api.DescribeRegionsRequest]("DescribeRegions"), s.describeRegions)
	show(s, api.OpDescribeAvailabilityZones, nothing[api.DescribeAvailabilityZonesRequest]("DescribeAvailabilityZones"), s.describeZones)
	show(s, api.OpDescribeAccountAttributes, nothing[api.DescribeAccountAttributesRequest]("DescribeAccountAttributes"), s.describeAccount)
}

// pickZone is the zone that a call asks for, the first one if it asks for none.
func pickZone(region string, name, id *string) (string, error) {
	for _, z := range zones {
		zone := region + z
		if val(name) == zone || val(name) == "" && val(id) == zoneID(zone) || val(name) == "" && val(id) == "" {
			return zone, nil
		}
	}
	given := val(name)
	if given == "" {
		given = val(id)
	}
	return "", badValue("Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.",
		given, region+strings.Join(zones, ", "+region))
}

// zoneID is "use1-az1" for "us-east-1a".
func zoneID(zone string) string {
	region, letter := zone[:len(zone)-1], zone[len(zone)-1]
	parts := strings.Split(region, "-")
	short := parts[0]
	for _, p := range parts[1:] {
		directions := strings.NewReplacer("northeast", "ne", "southeast", "se", "northwest", "nw", "southwest", "sw", "north", "n", "south", "s", "east", "e", "west", "w", "central", "c")
		short += directions.Replace(p)
	}
	return short + "-az" + string(rune('1'+letter-'a'))
}

type place struct {
	Head
	zone string
}

func (s *Service) describeRegions(c *door.Call, _ store.Reader, in *api.DescribeRegionsRequest) (*api.DescribeRegionsResult, error) {
	names := regions
	if !slices.Contains(names, c.Region) {
		names = append(slices.Clone(names), c.Region)
	}
	var all []*place
	for _, name := range names {
		if len(in.RegionNames) == 0 || slices.Contains(in.RegionNames, name) {
			all = append(all, &place{Head: Head{ID: name}})
		}
	}
	for _, name := range in.RegionNames {
		if !slices.Contains(names, name) {
			return nil, badValue("Invalid region name: %s", name)
		}
	}
	page, _, err := choose(all, query{filters: in.Filters}, fields[*place]{
		"region-name":   one(func(p *place) string { return p.ID }),
		"endpoint":      one(func(p *place) string { return "ec2." + p.ID + ".amazonaws.com" }),
		"opt-in-status": one(func(*place) string { return "opt-in-not-required" }),
	}, (*place).base)
	out := &api.DescribeRegionsResult{Regions: []*api.Region{}}
	for _, p := range page {
		out.Regions = append(out.Regions, &api.Region{RegionName: ptr(p.ID), Endpoint: ptr("ec2." + p.ID + ".amazonaws.com"), OptInStatus: ptr("opt-in-not-required")})
	}
	return out, err
}

func (s *Service) describeZones(c *door.Call, _ store.Reader, in *api.DescribeAvailabilityZonesRequest) (*api.DescribeAvailabilityZonesResult, error) {
	var all []*place
	known := map[string]bool{}
	for _, z := range zones {
		zone := c.Region + z
		known[zone], known[zoneID(zone)] = true, true
		if (len(in.ZoneNames) == 0 || slices.Contains(in.ZoneNames, zone)) && (len(in.ZoneIds) == 0 || slices.Contains(in.ZoneIds, zoneID(zone))) {
			all = append(all, &place{Head{ID: zone}, zone})
		}
	}
	for _, name := range append(slices.Clone(in.ZoneNames), in.ZoneIds...) {
		if !known[name] {
			return nil, badValue("Invalid availability zone: [%s]", name)
		}
	}
	constant := func(text string) func(*place) []string { return one(func(*place) string { return text }) }
	page, _, err := choose(all, query{filters: in.Filters}, fields[*place]{
		"zone-name": one(func(p *place) string { return p.zone }), "zone-id": one(func(p *place) string { return zoneID(p.zone) }),
		"region-name": constant(c.Region), "group-name": constant(c.Region), "state": constant("available"),
		"zone-type": constant("availability-zone"), "opt-in-status": constant("opt-in-not-required"),
	}, (*place).base)
	out := &api.DescribeAvailabilityZonesResult{AvailabilityZones: []*api.AvailabilityZone{}}
	for _, p := range page {
		out.AvailabilityZones = append(out.AvailabilityZones, &api.AvailabilityZone{ZoneName: ptr(p.zone), ZoneId: ptr(zoneID(p.zone)), RegionName: ptr(c.Region),
			GroupName: ptr(c.Region), NetworkBorderGroup: ptr(c.Region), State: ptr("available"), OptInStatus: ptr("opt-in-not-required"), ZoneType: ptr("availability-zone")})
	}
	return out, err
}

func (s *Service) describeAccount(c *door.Call, r store.Reader, in *api.DescribeAccountAttributesRequest) (*api.DescribeAccountAttributesResult, error) {
	v, err := defaultOf(r, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	byDefault := "none"
	if v != nil {
		byDefault = v.ID
	}
	out := &api.DescribeAccountAttributesResult{AccountAttributes: []*api.AccountAttribute{}}
	for _, a := range [][2]string{{"supported-platforms", "VPC"}, {"default-vpc", byDefault}} {
		if len(in.AttributeNames) == 0 || slices.Contains(in.AttributeNames, a[0]) {
			out.AccountAttributes = append(out.AccountAttributes, &api.AccountAttribute{AttributeName: ptr(a[0]), AttributeValues: []*api.AccountAttributeValue{{AttributeValue: ptr(a[1])}}})
		}
	}
	return out, nil
}
