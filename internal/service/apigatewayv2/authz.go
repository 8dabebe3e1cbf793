package apigatewayv2

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Actions are named after the methods of HTTP, and resources after the paths of
// the interface
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagementv2.html).

// keys are the condition keys of one call beside those of the resource.
type keys = policy.MapContext

// permission needs the method of an operation on the path that the input names.
// more adds the condition keys of the request, or is nil.
func permission[In any](op *awsapi.Operation, path func(in *In) string, more ...func(in *In, k keys)) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need, err := needOf(c, r, "apigateway:"+op.Method, path(in))
		for _, add := range more {
			add(in, need.Context)
		}
		needs := []door.Need{need}
		if len(need.Context["aws:tagkeys"]) > 0 {
			tagging := need
			tagging.Action = "apigateway:TagResource"
			needs = append(needs, tagging)
		}
		if len(need.Context["apigateway:request/accessloggingdestination"]) > 0 {
			needs = append(needs, door.Need{Action: "logs:CreateLogDelivery", Resource: "*"})
		}
		return needs, err
	})
}

// needOf is an action on a path: with the tags of the API or domain that it is
// below, if that is there.
func needOf(c *door.Call, r store.Reader, action, path string) (door.Need, error) {
	need := door.Need{Action: action, Resource: "arn:aws:apigateway:" + c.Region + "::" + path, Account: c.Account, Context: keys{}}
	tags, err := tagsAt(r, c.Account, c.Region, path)
	resourceTags(need.Context, tags)
	return need, err
}

func resourceTags(k keys, tags map[string]string) {
	for key, value := range tags {
		k["aws:resourcetag/"+strings.ToLower(key)] = []string{value}
	}
}

func requestTags(k keys, tags map[string]string) {
	for key, value := range tags {
		k["aws:requesttag/"+strings.ToLower(key)] = []string{value}
	}
	if len(tags) > 0 {
		k["aws:tagkeys"] = slices.Sorted(maps.Keys(tags))
	}
}

// tagsAt are the tags of what a path is at or below: a stage's own, or the API's.
func tagsAt(r store.Reader, account, region, path string) (map[string]string, error) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) < 2 {
		return nil, nil
	}
	switch parts[0] {
	case "apis":
		a, err := apis.Get(r, store.K(account, region, parts[1]))
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		all := maps.Clone(a.API.Tags)
		if len(parts) > 3 && parts[2] == "stages" {
			stage, err := stages.Get(r, a.key(unescape(parts[3])))
			if err == nil {
				if all == nil {
					all = map[string]string{}
				}
				maps.Copy(all, stage.Tags)
			} else if !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
		}
		return all, nil
	case "domainnames":
		d, err := domains.Get(r, store.K(unescape(parts[1])))
		if errors.Is(err, store.ErrNotFound) || err == nil && d.Account != account {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return d.Domain.Tags, nil
	}
	return nil, nil
}

func unescape(part string) string {
	if plain, err := url.PathUnescape(part); err == nil {
		return plain
	}
	return part
}

// at makes the path of a resource: names go in escaped, so that none is taken for
// several.
func at(parts ...*string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteByte('/')
		b.WriteString(escapePath(val(p)))
	}
	return b.String()
}

// escapePath escapes what would end a part of a path; "$default" stays readable.
func escapePath(part string) string {
	return strings.ReplaceAll(url.PathEscape(part), "%24", "$")
}

var (
	wordAPIs         = ptr("apis")
	wordRoutes       = ptr("routes")
	wordIntegrations = ptr("integrations")
	wordAuthorizers  = ptr("authorizers")
	wordStages       = ptr("stages")
	wordDeployments  = ptr("deployments")
	wordDomains      = ptr("domainnames")
	wordMappings     = ptr("apimappings")
)

// set adds a condition key that the request gives.
func set(k keys, name string, value *string) {
	if value != nil {
		k["apigateway:request/"+strings.ToLower(name)] = []string{*value}
	}
}

// Describe adds to a need on an API what the API itself says, for explanations:
// its tags, and of a request to a route whom the route lets in.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	parts := strings.SplitN(need.Resource, ":", 6)
	if len(parts) < 6 {
		return nil
	}
	if parts[2] == "execute-api" {
		return s.describeRequest(r, need, parts)
	}
	if parts[2] != "apigateway" {
		return nil
	}
	tags, err := tagsAt(r, need.Account, parts[3], parts[5])
	if need.Context == nil {
		need.Context = keys{}
	}
	resourceTags(need.Context, tags)
	return err
}
