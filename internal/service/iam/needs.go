package iam

import (
	"errors"
	"net/http"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Actions, resources and condition keys are those of the Service Authorization
// Reference (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html).

// detail adds to the need of a call, v being what it speaks of, or nil where
// that does not exist.
type detail[In, T any] func(need *door.Need, in *In, v *T)

// permission is door.Permission for IAM, which is closed to the sessions of
// GetSessionToken without MFA, and to those of GetFederationToken
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html,
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html).
func permission[In any](resolve door.Resolver[In]) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		p := c.Principal
		longTerm := p.Kind == policy.PrincipalUser || p.Kind == policy.PrincipalRoot
		if longTerm && !p.IssuedAt.IsZero() && !p.MFA || p.Kind == policy.PrincipalFederatedUser {
			return nil, invalidToken()
		}
		return resolve(c, r, in)
	})
}

func invalidToken() *awsapi.Error {
	e := awsapi.Errorf("InvalidClientTokenId", "The security token included in the request is invalid.")
	e.Status = http.StatusForbidden
	return e
}

// everything is the authorisation of operations that AWS gives no resource.
func everything[In any](action string) door.Auth[In] {
	return permission(func(*door.Call, store.Reader, *In) ([]door.Need, error) {
		return []door.Need{{Action: action, Resource: "*"}}, nil
	})
}

// on is the authorisation of an operation on one entity. The resource is the
// ARN that the entity has, whatever the case in which the caller wrote its
// name; of one that does not exist, the ARN that it would have.
func on[In, T any](k *kind[T], action string, name func(*In) *string, details ...detail[In, T]) door.Auth[In] {
	return permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need, v, err := k.need(c, r, action, awsapi.Val(name(in)))
		if err != nil {
			return nil, err
		}
		for _, detail := range details {
			detail(&need, in, v)
		}
		return []door.Need{need}, nil
	})
}

func (k *kind[T]) need(c *door.Call, r store.Reader, action, name string) (door.Need, *T, error) {
	need := door.Need{Action: action, Context: policy.MapContext{}}
	v, err := k.find(r, c.Account, name)
	if absent(err) {
		need.Resource = arn(c.Account, k.noun, "/", name)
		return need, nil, nil
	}
	if err != nil {
		return need, nil, err
	}
	need.Resource = k.arn(v)
	if k.tags != nil {
		resourceTags(need.Context, *k.tags(v))
	}
	return need, v, nil
}

// absent tells that something does not exist from failures.
func absent(err error) bool {
	var wire *awsapi.Error
	return errors.Is(err, store.ErrNotFound) || errors.As(err, &wire) && wire.Code == "NoSuchEntity"
}

// onPolicy is the authorisation of an operation on one managed policy.
func onPolicy[In any](action string, policyArn func(*In) *string, details ...detail[In, managed]) door.Auth[In] {
	return permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need := door.Need{Action: action, Resource: awsapi.Val(policyArn(in)), Context: policy.MapContext{}}
		p, err := findPolicy(r, c.Account, need.Resource)
		if err != nil && !absent(err) {
			return nil, err
		}
		if p != nil {
			resourceTags(need.Context, p.Tags)
		}
		for _, detail := range details {
			detail(&need, in, p)
		}
		return []door.Need{need}, nil
	})
}

// onNew is the authorisation of creating an entity: the action itself and,
// where tags come with it, the action of tagging it.
func onNew[In any](resource, action, tagAction string, name, path func(*In) *string, tags func(*In) []*api.Tag, details ...detail[In, struct{}]) door.Auth[In] {
	return permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need := door.Need{
			Action:   action,
			Resource: arn(c.Account, resource, pathOf(path(in)), awsapi.Val(name(in))),
			Context:  policy.MapContext{},
		}
		given := tags(in)
		requestTags(need.Context, given)
		for _, detail := range details {
			detail(&need, in, nil)
		}
		if len(given) == 0 {
			return []door.Need{need}, nil
		}
		tagging := need
		tagging.Action = tagAction
		return []door.Need{need, tagging}, nil
	})
}

func resourceTags(ctx policy.MapContext, tags []Tag) {
	for _, t := range tags {
		key := strings.ToLower(t.Key)
		ctx["aws:resourcetag/"+key] = []string{t.Value}
		ctx["iam:resourcetag/"+key] = []string{t.Value}
	}
}

func requestTags(ctx policy.MapContext, tags []*api.Tag) {
	if len(tags) == 0 {
		return
	}
	keys := make([]string, len(tags))
	for i, t := range tags {
		keys[i] = awsapi.Val(t.Key)
		ctx["aws:requesttag/"+strings.ToLower(keys[i])] = []string{awsapi.Val(t.Value)}
	}
	ctx["aws:tagkeys"] = keys
}

// setBoundary sets iam:PermissionsBoundary, the boundary given or in force.
func setBoundary(need *door.Need, arn string) {
	if arn != "" {
		need.Context["iam:permissionsboundary"] = []string{arn}
	}
}

// boundaryInForce is the detail of changes to what an entity may do.
func boundaryInForce[In, T any](k *kind[T]) detail[In, T] {
	return func(need *door.Need, _ *In, v *T) {
		if v != nil && k.boundary != nil {
			setBoundary(need, *k.boundary(v))
		}
	}
}

// attaching is the detail of attaching or detaching a managed policy.
func attaching[In, T any](policyArn func(*In) *string) detail[In, T] {
	return func(need *door.Need, in *In, _ *T) {
		need.Context["iam:policyarn"] = []string{awsapi.Val(policyArn(in))}
	}
}
