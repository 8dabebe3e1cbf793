package organizations

import (
	"errors"
	"maps"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// asked gathers what one call needs: one action on each resource, with the
// condition keys of the Service Authorization Reference.
type asked struct {
	r         store.Reader
	org       *organization // nil when the caller's account is in none
	action    string
	context   policy.MapContext
	resources []resource
	tagging   bool // tags are given with what is made
}

type resource struct {
	arn  string
	tags []Tag
}

// detail adds to what a call needs.
type detail[In any] func(a *asked, in *In) error

// on is the authorisation of an operation. One on nothing in particular, and
// every one of an account without an organisation, needs its action on "*".
func on[In any](action string, details ...detail[In]) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		org, err := orgOf(r, c.Account)
		if err != nil && !errors.Is(err, errNotInUse) {
			return nil, err
		}
		a := &asked{r: r, org: org, action: "organizations:" + action, context: policy.MapContext{}}
		for _, d := range details {
			if err := d(a, in); err != nil {
				return nil, err
			}
		}
		return a.needs(), nil
	})
}

func (a *asked) needs() []door.Need {
	if len(a.resources) == 0 {
		a.resources = []resource{{arn: "*"}}
	}
	var needs []door.Need
	for _, on := range a.resources {
		need := door.Need{Action: a.action, Resource: on.arn, Context: maps.Clone(a.context)}
		for _, t := range on.tags {
			need.Context["aws:resourcetag/"+strings.ToLower(t.Key)] = []string{t.Value}
		}
		needs = append(needs, need)
		if a.tagging {
			need.Action = "organizations:TagResource"
			needs = append(needs, need)
		}
	}
	return needs
}

// onTarget is the detail of the root, unit or account that an id names.
func onTarget[In any](id func(*In) *string) detail[In] {
	return func(a *asked, in *In) error {
		if a.org == nil {
			return nil
		}
		named := awsapi.Val(id(in))
		t, err := targets.Get(a.r, store.K(a.org.ID, named))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		found := resource{arn: a.org.at(named)}
		if err == nil {
			found.tags = t.Tags
		}
		a.resources = append(a.resources, found)
		return nil
	}
}

// onPolicy is the detail of a policy. Of one that does not exist the ARN is
// that of a service control policy.
func onPolicy[In any](id func(*In) *string) detail[In] {
	return func(a *asked, in *In) error {
		if a.org == nil {
			return nil
		}
		p, err := a.org.policy(a.r, awsapi.Val(id(in)))
		if errors.Is(err, errNoPolicy) {
			p, err = &document{ID: awsapi.Val(id(in)), Type: scp}, nil
		}
		if err != nil {
			return err
		}
		a.context["organizations:policytype"] = []string{p.Type}
		a.resources = append(a.resources, resource{a.org.policyAt(p), p.Tags})
		return nil
	}
}

// onResource is the detail of what tags are on: a target or a policy.
func onResource[In any](id func(*In) *string) detail[In] {
	return func(a *asked, in *In) error {
		if strings.HasPrefix(awsapi.Val(id(in)), "p-") {
			return onPolicy(id)(a, in)
		}
		return onTarget(id)(a, in)
	}
}

// ofType is the detail of a policy type that is asked for.
func ofType[In any](kind func(*In) *string) detail[In] {
	return func(a *asked, in *In) error {
		if k := awsapi.Val(kind(in)); k != "" {
			a.context["organizations:policytype"] = []string{k}
		}
		return nil
	}
}

// withTags is the detail of tags that are given with what is made.
func withTags[In any](tags func(*In) []*api.Tag) detail[In] {
	return func(a *asked, in *In) error {
		a.tagging = len(tags(in)) > 0
		return setTags(tags)(a, in)
	}
}

// setTags is the detail of tags that are set.
func setTags[In any](tags func(*In) []*api.Tag) detail[In] {
	return func(a *asked, in *In) error {
		var keys []string
		for _, t := range tags(in) {
			key := awsapi.Val(t.Key)
			keys = append(keys, key)
			a.context["aws:requesttag/"+strings.ToLower(key)] = []string{awsapi.Val(t.Value)}
		}
		if len(keys) > 0 {
			a.context["aws:tagkeys"] = keys
		}
		return nil
	}
}
