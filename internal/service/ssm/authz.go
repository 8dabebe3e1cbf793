package ssm

import (
	"errors"
	"strconv"
	"strings"

	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// onParameter needs action on the parameter that the input names.
func onParameter[In any](action string, name func(*In) *string) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need, err := needOf(c, r, action, val(name(in)))
		return []door.Need{need}, err
	})
}

// onParameters needs action on each of several.
func onParameters[In any](action string, names func(*In) []string) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) (needs []door.Need, err error) {
		for _, name := range names(in) {
			need, err := needOf(c, r, action, name)
			if err != nil {
				return nil, err
			}
			needs = append(needs, need)
		}
		return needs, nil
	})
}

// needOf is action on a parameter; the same for one that does not exist, but
// for its tags
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html).
func needOf(c *door.Call, r store.Reader, action, name string) (door.Need, error) {
	f := parse(c, name)
	need := door.Need{Action: "ssm:" + action, Resource: f.arn(), Account: f.Account, Context: policy.MapContext{}}
	p, err := look(r, f)
	if errors.Is(err, store.ErrNotFound) {
		return need, nil
	}
	if err == nil {
		p.describe(&need)
	}
	return need, err
}

func (p *parameter) describe(need *door.Need) {
	for _, t := range p.Tags {
		key := strings.ToLower(t.Key)
		need.Context["aws:resourcetag/"+key] = []string{t.Value}
		need.Context["ssm:resourcetag/"+key] = []string{t.Value}
	}
}

// Describe adds to a need on a parameter what the parameter itself says.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	parts := strings.SplitN(need.Resource, ":", 6)
	rest, ok := strings.CutPrefix(parts[len(parts)-1], "parameter/")
	if !ok || len(parts) < 6 {
		return nil
	}
	for _, name := range []string{rest, "/" + rest} {
		p, err := parameters.Get(r, store.K(parts[4], parts[3], name))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		need.Account = p.Account
		if need.Context == nil {
			need.Context = policy.MapContext{}
		}
		p.describe(need)
		return nil
	}
	return nil
}

func needsOfPut(c *door.Call, r store.Reader, in *api.PutParameterRequest) ([]door.Need, error) {
	need, err := needOf(c, r, "PutParameter", val(in.Name))
	if err != nil {
		return nil, err
	}
	need.Context["ssm:overwrite"] = []string{strconv.FormatBool(val(in.Overwrite))}
	if in.Policies != nil {
		need.Context["ssm:policies"] = []string{*in.Policies}
	}
	addRequestTags(need.Context, in.Tags)
	needs := []door.Need{need}
	if len(in.Tags) > 0 {
		tagging := need
		tagging.Action = "ssm:AddTagsToResource"
		needs = append(needs, tagging)
	}
	return needs, nil
}

func addRequestTags(context policy.MapContext, tags []*api.Tag) {
	all := map[string]string{}
	for _, t := range tags {
		all[val(t.Key)] = val(t.Value)
	}
	for _, key := range keysOf(all) {
		context["aws:requesttag/"+strings.ToLower(key)] = []string{all[key]}
	}
	if len(all) > 0 {
		context["aws:tagkeys"] = keysOf(all)
	}
}

// needsOfPath are the path as it was given, as on AWS. Whoever denies it with a
// slash behind it or without denies both
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-retrieval-authorization.html).
func needsOfPath(c *door.Call, _ store.Reader, in *api.GetParametersByPathRequest) ([]door.Need, error) {
	need := door.Need{
		Action: "ssm:GetParametersByPath", Resource: arnOf(c.Account, c.Region, val(in.Path)),
		Context: policy.MapContext{"ssm:recursive": {strconv.FormatBool(val(in.Recursive))}},
	}
	if bare, slashed := strings.CutSuffix(need.Resource, "/"); slashed {
		need.Also = []string{bare}
	} else {
		need.Also = []string{bare + "/"}
	}
	return []door.Need{need}, nil
}

func needsOfAddTags(c *door.Call, r store.Reader, in *api.AddTagsToResourceRequest) ([]door.Need, error) {
	need, err := needOf(c, r, "AddTagsToResource", val(in.ResourceId))
	addRequestTags(need.Context, in.Tags)
	return []door.Need{need}, err
}

func needsOfRemoveTags(c *door.Call, r store.Reader, in *api.RemoveTagsFromResourceRequest) ([]door.Need, error) {
	need, err := needOf(c, r, "RemoveTagsFromResource", val(in.ResourceId))
	if len(in.TagKeys) > 0 {
		need.Context["aws:tagkeys"] = in.TagKeys
	}
	return []door.Need{need}, err
}
