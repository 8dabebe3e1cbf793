package cognitoidp

import (
	"strings"

	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// onPool needs action on the pool that the input names; the same for one that
// does not exist, but for its tags
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncognitouserpools.html).
func onPool[In any](action string, id func(*In) *string) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need, err := needOf(c, r, action, val(id(in)))
		return []door.Need{need}, err
	})
}

// onPoolAndRole needs that, and to pass the role that the input gives, if any.
func onPoolAndRole[In any](action string, id, role func(*In) *string) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need, err := needOf(c, r, action, val(id(in)))
		needs := []door.Need{need}
		if arn := val(role(in)); arn != "" {
			needs = append(needs, door.Need{Action: "iam:PassRole", Resource: arn, Context: policy.MapContext{"iam:passedtoservice": {"cognito-identity.amazonaws.com"}}})
		}
		return needs, err
	})
}

func poolARN(c *door.Call, id string) string {
	return "arn:aws:cognito-idp:" + c.Region + ":" + c.Account + ":userpool/" + id
}

func needOf(c *door.Call, r store.Reader, action, id string) (door.Need, error) {
	need := door.Need{Action: "cognito-idp:" + action, Resource: poolARN(c, id), Context: policy.MapContext{}}
	p, err := pools.Get(r, store.K(id))
	if isMissing(err) {
		return need, nil
	}
	if err == nil && p.Account == c.Account && p.Region == c.Region {
		p.describe(&need)
	}
	return need, err
}

func (p *pool) describe(need *door.Need) {
	for key, value := range p.Spec.UserPoolTags {
		need.Context["aws:resourcetag/"+strings.ToLower(key)] = []string{value}
	}
}

// Describe adds to a need on a pool what the pool itself says.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	_, id, ok := strings.Cut(need.Resource, ":userpool/")
	if !ok {
		return nil
	}
	p, err := pools.Get(r, store.K(id))
	if isMissing(err) || err == nil && p.arn() != need.Resource {
		return nil
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

func addRequestTags(context policy.MapContext, tags map[string]string) {
	for _, key := range keysOf(tags) {
		context["aws:requesttag/"+strings.ToLower(key)] = []string{tags[key]}
	}
	if len(tags) > 0 {
		context["aws:tagkeys"] = keysOf(tags)
	}
}

// onEvery needs an action that has no resource.
func onEvery[In any](action string) door.Auth[In] {
	return door.On("cognito-idp:"+action, func(*door.Call, *In) string { return "*" })
}
