package lambda

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Actions, resources and condition keys are those of the Service Authorization
// Reference
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html).

// named gives the function that an input names, and the qualifier beside it.
type named[In any] func(in *In) (name, qualifier *string)

// onFunction needs action on the function that the input names.
func onFunction[In any](action string, names named[In]) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		f, err := refOf(c, names, in)
		if err != nil {
			return nil, err
		}
		need, err := functionNeed(r, action, f)
		return []door.Need{need}, err
	})
}

func refOf[In any](c *door.Call, names named[In], in *In) (ref, error) {
	name, qualifier := names(in)
	return parseRef(c, name, qualifier)
}

// onWhole needs action on the function that the input names, as a whole.
func onWhole[In any](action string, name func(in *In) *string) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		f, err := parseWhole(c, name(in))
		if err != nil {
			return nil, err
		}
		need, err := functionNeed(r, action, f)
		return []door.Need{need}, err
	})
}

// onURL is onFunction for what changes a URL: policies may ask for what it is, or
// is to be, open to.
func onURL[In any](action string, names func(in *In) (name, qualifier, authType *string)) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		name, qualifier, authType := names(in)
		f, err := parseRef(c, name, qualifier)
		if err != nil {
			return nil, err
		}
		need, err := functionNeed(r, action, f)
		if err != nil {
			return nil, err
		}
		if u, err := urls.Get(r, f.key(f.Qualifier)); authType == nil && err == nil {
			authType = &u.AuthType
		}
		if authType != nil {
			need.Context["lambda:functionurlauthtype"] = []string{*authType}
		}
		return []door.Need{need}, nil
	})
}

// onAll needs action on no resource in particular, as lists do.
func onAll[In any](action string) door.Auth[In] {
	return door.On(action, func(*door.Call, *In) string { return "*" })
}

// functionNeed is action on f, with its tags and its resource policy. It is the
// same for a function that does not exist, so that a caller without permission
// does not learn that.
func functionNeed(r store.Reader, action string, f ref) (door.Need, error) {
	need := door.Need{Action: action, Resource: f.arn(), Account: f.Account, Context: policy.MapContext{}}
	fn, err := functions.Get(r, f.key())
	if errors.Is(err, store.ErrNotFound) {
		return need, nil
	}
	if err != nil {
		return need, err
	}
	addTags(need.Context, "aws:resourcetag/", fn.Tags)
	need.ResourcePolicy, err = functionPolicy(r, f)
	return need, err
}

// targetNeed is functionNeed for what is asked often: read from memory where it
// is there.
func (s *Service) targetNeed(r store.Reader, action string, f ref) (door.Need, *target, error) {
	need := door.Need{Action: action, Resource: f.arn(), Account: f.Account}
	t, err := s.targets.peek(r, f)
	if isNotFound(err) { // the handler says so, to a caller who may know
		return need, nil, nil
	}
	if err != nil {
		return need, nil, err
	}
	need.ResourcePolicy, need.Context = t.policy, t.context
	return need, t, nil
}

// onTarget is onFunction for what is asked often; c.Found is then the target, if
// there is one.
func onTarget[In any](s *Service, action string, names named[In]) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		f, err := refOf(c, names, in)
		if err != nil {
			return nil, err
		}
		need, found, err := s.targetNeed(r, action, f)
		if c.Found = nil; found != nil {
			c.Found = found
		}
		return []door.Need{need}, err
	})
}

// addTags puts tags into a need's context; condition keys are lower case.
func addTags(context policy.MapContext, prefix string, tags map[string]string) {
	for _, key := range keysOf(tags) {
		context[prefix+strings.ToLower(key)] = []string{tags[key]}
	}
}

// addRequestTags puts the tags that a request sets into a need's context.
func addRequestTags(context policy.MapContext, tags map[string]string) {
	if len(tags) == 0 {
		return
	}
	addTags(context, "aws:requesttag/", tags)
	addTagKeys(context, keysOf(tags))
}

func addTagKeys(context policy.MapContext, keys []string) {
	if len(keys) > 0 {
		context["aws:tagkeys"] = keys
	}
}

// keysOf is sorted, so that of two tags that differ in case, which are refused
// only after the request is authorised, the same one counts every time.
func keysOf(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// functionPolicy is the resource policy of f, at its qualifier; nil for none.
func functionPolicy(r store.Reader, f ref) (*policy.Named, error) {
	rp, err := permissions.Get(r, f.key(f.Qualifier))
	return namedPolicy(rp, err, f.arn())
}

// namedPolicy compiles a stored resource policy for the engine.
func namedPolicy(rp *resourcePolicy, err error, name string) (*policy.Named, error) {
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	compiled, err := policy.Parse(policy.KindResource, rp.document())
	if err != nil {
		return nil, err
	}
	return &policy.Named{Name: name, Policy: compiled}, nil
}

// passRole is the need to give a role to Lambda.
func passRole(role string) door.Need {
	return door.Need{
		Action: "iam:PassRole", Resource: role, Account: arnAccount(role),
		Context: policy.MapContext{"iam:passedtoservice": {"lambda.amazonaws.com"}},
	}
}

// arnAccount is the account in an ARN, or "" when it has none.
func arnAccount(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// layerNeeds are the needs to use layers: each one's own policy may allow it to
// other accounts.
func layerNeeds(c *door.Call, r store.Reader, arns []string) ([]door.Need, error) {
	var needs []door.Need
	for _, arn := range arns {
		l, err := parseLayerVersion(c, arn)
		if err != nil {
			return nil, err
		}
		need, err := layerNeed(r, "lambda:GetLayerVersion", l)
		if err != nil {
			return nil, err
		}
		needs = append(needs, need)
	}
	return needs, nil
}

func val[T any](p *T) T { return awsapi.Val(p) }

func ptr[T any](v T) *T { return awsapi.Ptr(v) }
