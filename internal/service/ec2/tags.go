package ec2

import (
	"errors"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/netpolicy"
	"cloister/internal/store"
)

const mostTags = 50

// tagsFor are the tags that a call gives to what it makes of a class.
func tagsFor(specs []*api.TagSpecification, c *class) (tags []tag) {
	for _, spec := range specs {
		if val(spec.ResourceType) == c.tagType {
			tags = append(tags, tagsOf(spec.Tags)...)
		}
	}
	return tags
}

func tagsOf(in []*api.Tag) (tags []tag) {
	for _, t := range in {
		tags = append(tags, tag{val(t.Key), val(t.Value)})
	}
	return tags
}

// newTags are tagsFor, checked; specifications for other classes are refused.
func newTags(specs []*api.TagSpecification, c *class) ([]tag, error) {
	for _, spec := range specs {
		if val(spec.ResourceType) != c.tagType {
			return nil, badValue("'%s' is not a valid taggable resource type for this operation.", val(spec.ResourceType))
		}
	}
	tags := tagsFor(specs, c)
	return tags, checkTags(tags)
}

// checkTags refuses what EC2 refuses, and two keys that a condition would not
// tell apart.
func checkTags(tags []tag) error {
	if len(tags) > mostTags {
		return awsapi.Errorf("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	seen := map[string]bool{}
	for _, t := range tags {
		lower := strings.ToLower(t.Key)
		switch {
		case t.Key == "":
			return badValue("Tag key cannot be null or empty.")
		case len(t.Key) > 127*4 || len([]rune(t.Key)) > 127:
			return badValue("Tag key exceeds the maximum length of 127 characters")
		case len([]rune(t.Value)) > 255:
			return badValue("Tag value exceeds the maximum length of 255 characters")
		case strings.HasPrefix(lower, "aws:"):
			return badValue("Tag keys starting with 'aws:' are reserved for internal use")
		case seen[lower]:
			return badValue("Duplicate tag key '%s' specified.", t.Key)
		}
		seen[lower] = true
	}
	return nil
}

// checkRuleTags refuses names of a rule's destination that cannot be read.
func checkRuleTags(tags []tag) error {
	for _, t := range tags {
		if !strings.HasPrefix(strings.ToLower(t.Key), netpolicy.Marker) {
			continue
		}
		if t.Key != netpolicy.DNSTag {
			return badValue("The tag key '%s' is not known. A rule's names are in '%s'.", t.Key, netpolicy.DNSTag)
		}
		if _, err := netpolicy.ParseNames(t.Value); err != nil {
			return badValue("The tag '%s' is invalid: %s", t.Key, err)
		}
	}
	return nil
}

func wireTags(tags []tag) []*api.Tag {
	var out []*api.Tag
	for _, t := range tags {
		out = append(out, &api.Tag{Key: ptr(t.Key), Value: ptr(t.Value)})
	}
	return out
}

// classOf is the class of an id.
func classOf(id string) (*class, error) {
	prefix, _, _ := strings.Cut(id, "-")
	if c, ok := classes[prefix]; ok {
		return c, nil
	}
	return nil, awsapi.Errorf("InvalidID", "The ID '%s' is not valid", id)
}

// tagNeeds are action on each resource.
func tagNeeds(c *door.Call, r store.Reader, action string, ids []string, tags []*api.Tag) (needs []door.Need, err error) {
	var uses []use
	for _, id := range ids {
		if of, err := classOf(id); err == nil {
			uses = append(uses, use{class: of, id: id})
		}
	}
	needs, err = needsOf(c, r, action, uses, nil)
	for _, need := range needs {
		addRequestTags(need.Context, tagsOf(tags))
	}
	return needs, err
}

func (s *Service) registerTags() {
	change(s, api.OpCreateTags, door.Permission(func(c *door.Call, r store.Reader, in *api.CreateTagsRequest) ([]door.Need, error) {
		return tagNeeds(c, r, "CreateTags", in.Resources, in.Tags)
	}), s.createTags)
	change(s, api.OpDeleteTags, door.Permission(func(c *door.Call, r store.Reader, in *api.DeleteTagsRequest) ([]door.Need, error) {
		return tagNeeds(c, r, "DeleteTags", in.Resources, in.Tags)
	}), s.deleteTags)
	show(s, api.OpDescribeTags, nothing[api.DescribeTagsRequest]("DescribeTags"), s.describeTags)
}

func (s *Service) createTags(c *door.Call, tx *store.Tx, in *api.CreateTagsRequest) (*awsapi.None, error) {
	if len(in.Tags) == 0 {
		return nil, missing("Tag")
	}
	add := tagsOf(in.Tags)
	return nil, retag(c, tx, in.Resources, func(h *Head) error {
		for _, t := range add {
			if i := slices.IndexFunc(h.Tags, func(have tag) bool { return have.Key == t.Key }); i >= 0 {
				h.Tags[i].Value = t.Value
			} else {
				h.Tags = append(h.Tags, t)
			}
		}
		return checkTags(h.Tags)
	})
}

// deleteTags removes the tags with the given keys, and only with the given
// value where there is one; all of them without keys.
func (s *Service) deleteTags(c *door.Call, tx *store.Tx, in *api.DeleteTagsRequest) (*awsapi.None, error) {
	return nil, retag(c, tx, in.Resources, func(h *Head) error {
		h.Tags = slices.DeleteFunc(h.Tags, func(have tag) bool {
			return len(in.Tags) == 0 || slices.ContainsFunc(in.Tags, func(t *api.Tag) bool {
				return val(t.Key) == have.Key && (t.Value == nil || *t.Value == have.Value)
			})
		})
		return nil
	})
}

// retag changes the tags of each resource.
func retag(c *door.Call, tx *store.Tx, ids []string, fn func(*Head) error) error {
	if len(ids) == 0 {
		return missing("resourceIdSet")
	}
	for _, id := range ids {
		of, err := classOf(id)
		if err == nil {
			err = of.checkID(id)
		}
		if err != nil {
			return err
		}
		err = of.retag(tx, store.K(c.Account, c.Region, id), fn)
		if errors.Is(err, store.ErrNotFound) {
			return of.none(id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tagOf is one tag of one resource, as DescribeTags has it.
type tagOf struct {
	of  *class
	own tag
	Head
}

func (s *Service) describeTags(c *door.Call, r store.Reader, in *api.DescribeTagsRequest) (*api.DescribeTagsResult, error) {
	var all []*tagOf
	for _, of := range classes {
		heads, err := of.all(r, c.Account, c.Region)
		if err != nil {
			return nil, err
		}
		for _, h := range heads {
			for _, t := range h.Tags {
				all = append(all, &tagOf{of, t, Head{ID: h.ID + " " + t.Key}})
			}
		}
	}
	slices.SortFunc(all, func(a, b *tagOf) int { return strings.Compare(a.ID, b.ID) })
	page, next, err := choose(all, query{filters: in.Filters, max: in.MaxResults, token: in.NextToken}, fields[*tagOf]{
		"key":           one(func(t *tagOf) string { return t.own.Key }),
		"value":         one(func(t *tagOf) string { return t.own.Value }),
		"resource-id":   one((*tagOf).resource),
		"resource-type": one(func(t *tagOf) string { return t.of.tagType }),
	}, func(t *tagOf) *Head { return &t.Head })
	out := &api.DescribeTagsResult{NextToken: next, Tags: []*api.TagDescription{}}
	for _, t := range page {
		out.Tags = append(out.Tags, &api.TagDescription{Key: ptr(t.own.Key), Value: ptr(t.own.Value), ResourceId: ptr(t.resource()), ResourceType: ptr(t.of.tagType)})
	}
	return out, err
}

func (t *tagOf) resource() string {
	id, _, _ := strings.Cut(t.ID, " ")
	return id
}
