package ec2

import (
	"errors"
	"maps"
	"slices"
	"strings"

	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// use is a resource that a call speaks of.
type use struct {
	*class
	id    string
	vpc   string // of one that the call makes
	fresh bool   // the call makes it
}

// its is an existing resource that a parameter names; none if it is not given.
func its(c *class, ids ...*string) (list []use) {
	for _, id := range ids {
		if val(id) != "" {
			list = append(list, use{class: c, id: *id})
		}
	}
	return list
}

func each(c *class, ids []string) (list []use) {
	for _, id := range ids {
		list = append(list, use{class: c, id: id})
	}
	return list
}

// making is a resource that the call makes in a VPC, which may be "".
func making(c *class, vpc *string) []use { return []use{{class: c, vpc: val(vpc), fresh: true}} }

// nothing is the authorisation of what EC2 decides without resources.
func nothing[In any](action string) door.Auth[In] {
	return door.Permission(func(c *door.Call, _ store.Reader, _ *In) ([]door.Need, error) {
		return []door.Need{{Action: "ec2:" + action, Resource: "*", Context: policy.MapContext{"ec2:region": {c.Region}}}}, nil
	})
}

// on is the authorisation of a call: its action on each resource that uses
// gives, and ec2:CreateTags on those it makes with tags
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html).
func on[In any](action string, uses func(*In) []use) door.Auth[In] {
	return tagged(action, uses, func(*In) []*api.TagSpecification { return nil })
}

// tagged is on, for what takes tag specifications.
func tagged[In any](action string, uses func(*In) []use, specs func(*In) []*api.TagSpecification) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		return needsOf(c, r, action, uses(in), specs(in))
	})
}

func needsOf(c *door.Call, r store.Reader, action string, uses []use, specs []*api.TagSpecification) (needs []door.Need, err error) {
	if len(uses) == 0 {
		return []door.Need{{Action: "ec2:" + action, Resource: "*", Context: policy.MapContext{"ec2:region": {c.Region}}}}, nil
	}
	for _, u := range uses {
		need, err := u.need(c, r, action)
		if err != nil {
			return nil, err
		}
		if !u.fresh {
			needs = append(needs, need)
			continue
		}
		tags := tagsFor(specs, u.class)
		addRequestTags(need.Context, tags)
		needs = append(needs, need)
		if len(tags) > 0 {
			tagging := need
			tagging.Action, tagging.Context = "ec2:CreateTags", maps.Clone(need.Context)
			tagging.Context["ec2:createaction"] = []string{action}
			needs = append(needs, tagging)
		}
	}
	return needs, nil
}

// need is action on one resource; the same for one that does not exist, but for
// what it would say of itself.
func (u use) need(c *door.Call, r store.Reader, action string) (door.Need, error) {
	id := u.id
	if u.fresh {
		id = "*"
	}
	need := door.Need{Action: "ec2:" + action, Resource: arnOf(u.class, c.Account, c.Region, id), Context: policy.MapContext{"ec2:region": {c.Region}}}
	if u.fresh {
		vpcKey(need.Context, u.class, c.Account, c.Region, u.vpc)
		return need, nil
	}
	if u.checkID(id) != nil {
		return need, nil // it is of nothing, and the handler says so
	}
	h, err := u.get(r, store.K(c.Account, c.Region, id))
	if errors.Is(err, store.ErrNotFound) {
		return need, nil
	}
	if err == nil {
		describe(need.Context, u.class, h)
	}
	return need, err
}

// describe adds what a resource says of itself.
func describe(context policy.MapContext, c *class, h *Head) {
	for _, t := range h.Tags {
		key := strings.ToLower(t.Key)
		context["aws:resourcetag/"+key] = []string{t.Value}
		context["ec2:resourcetag/"+key] = []string{t.Value}
	}
	if c.idKey != "" {
		context[c.idKey] = []string{h.ID}
	}
	vpcKey(context, c, h.Account, h.Region, h.VPC)
}

func vpcKey(context policy.MapContext, c *class, account, region, id string) {
	if id != "" && c != vpcs.class {
		context["ec2:vpc"] = []string{arnOf(vpcs.class, account, region, id)}
	}
}

func addRequestTags(context policy.MapContext, tags []tag) {
	var keys []string
	for _, t := range tags {
		context["aws:requesttag/"+strings.ToLower(t.Key)] = []string{t.Value}
		keys = append(keys, t.Key)
	}
	if len(keys) > 0 {
		slices.Sort(keys)
		context["aws:tagkeys"] = keys
	}
}

// Describe adds to a need on a resource what the resource itself says.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	parts := strings.SplitN(need.Resource, ":", 6)
	if len(parts) < 6 {
		return nil
	}
	name, id, _ := strings.Cut(parts[5], "/")
	for _, c := range classes {
		if c.name != name {
			continue
		}
		h, err := c.get(r, store.K(parts[4], parts[3], id))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		need.Account = h.Account
		if need.Context == nil {
			need.Context = policy.MapContext{}
		}
		describe(need.Context, c, h)
	}
	return nil
}
