package apigateway

import (
	"errors"
	"maps"
	"net/url"
	"reflect"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Actions are named after the methods of HTTP, and resources after the paths of the
// interface
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html).

// permission needs the method of an operation on the path of its request.
func permission[In any](op *awsapi.Operation) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need, err := needOf(c, r, "apigateway:"+op.Method, pathOf(op, in))
		requestKeys(need.Context, in)
		needs := []door.Need{need}
		if len(need.Context["aws:tagkeys"]) > 0 {
			tagging := need
			tagging.Action = "apigateway:TagResource"
			needs = append(needs, tagging)
		}
		return needs, err
	})
}

// pathOf fills the path of an operation with what the input names: escaped, so that
// no name is taken for several.
func pathOf(op *awsapi.Operation, in any) string {
	uri, _, _ := strings.Cut(op.URI, "?")
	fields := reflect.ValueOf(in).Elem()
	if op.Input == nil {
		return uri
	}
	for _, m := range op.Input.Members {
		if m.Location != awsapi.InURI {
			continue
		}
		name := m.LocationName
		if name == "" {
			name = m.Name
		}
		value, _ := field(fields, m.Name).(*string)
		uri = strings.ReplaceAll(uri, "{"+name+"}", url.PathEscape(val(value)))
		uri = strings.ReplaceAll(uri, "{"+name+"+}", url.PathEscape(val(value)))
	}
	return uri
}

// field is the input's member of that name in the model.
func field(fields reflect.Value, name string) any {
	f := fields.FieldByName(strings.ToUpper(name[:1]) + name[1:])
	if !f.IsValid() {
		return nil
	}
	return f.Interface()
}

// requestKeys adds the condition keys that the request itself gives.
func requestKeys(k policy.MapContext, in any) {
	fields := reflect.ValueOf(in).Elem()
	if tags, ok := field(fields, "Tags").(map[string]string); ok && len(tags) > 0 {
		for key, value := range tags {
			k["aws:requesttag/"+strings.ToLower(key)] = []string{value}
		}
		k["aws:tagkeys"] = keysOf(tags)
	}
	if fields.FieldByName("AuthorizationType").IsValid() {
		setKey(k, "routeauthorizationtype", field(fields, "AuthorizationType"))
	}
	if fields.FieldByName("AuthorizerUri").IsValid() {
		setKey(k, "authorizertype", field(fields, "Type"))
		setKey(k, "authorizeruri", field(fields, "AuthorizerUri"))
	}
	if fields.FieldByName("StageName").IsValid() {
		setKey(k, "stagename", field(fields, "StageName"))
	}
	if fields.FieldByName("ApiKeyRequired").IsValid() {
		if b, ok := field(fields, "ApiKeyRequired").(*bool); ok && b != nil {
			k["apigateway:request/apikeyrequired"] = []string{map[bool]string{true: "true", false: "false"}[*b]}
		}
	}
}

func setKey(k policy.MapContext, name string, value any) {
	if s, ok := value.(*string); ok && s != nil {
		k["apigateway:request/"+name] = []string{*s}
	}
}

// needOf is an action on a path: with the tags of what it is at or below.
func needOf(c *door.Call, r store.Reader, action, path string) (door.Need, error) {
	need := door.Need{Action: action, Resource: "arn:aws:apigateway:" + c.Region + "::" + path, Account: c.Account, Context: policy.MapContext{}}
	tags, err := tagsAt(r, c.Account, c.Region, path)
	for key, value := range tags {
		need.Context["aws:resourcetag/"+strings.ToLower(key)] = []string{value}
	}
	return need, err
}

// tagsAt are the tags of what a path is at or below: a stage's own beside the API's.
func tagsAt(r store.Reader, account, region, path string) (map[string]string, error) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) < 2 {
		return nil, nil
	}
	key := store.K(account, region, unescape(parts[1]))
	var tags map[string]string
	var err error
	switch parts[0] {
	case "restapis":
		var a *apiRow
		if a, err = apis.Get(r, key); err == nil {
			tags = maps.Clone(a.API.Tags)
			if len(parts) > 3 && parts[2] == "stages" && a.Stages[unescape(parts[3])] != nil {
				tags = merged(tags, a.Stages[unescape(parts[3])].Tags)
			}
		}
	case "apikeys":
		var k *keyRow
		if k, err = keys.Get(r, key); err == nil {
			tags = k.Key.Tags
		}
	case "usageplans":
		var p *planRow
		if p, err = plans.Get(r, key); err == nil {
			tags = p.Plan.Tags
		}
	case "domainnames":
		var d *domainRow
		if d, err = domains.Get(r, store.K(unescape(parts[1]))); err == nil && d.Account == account {
			tags = d.Domain.Tags
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return tags, err
}

func merged(a, b map[string]string) map[string]string {
	if a == nil {
		a = map[string]string{}
	}
	maps.Copy(a, b)
	return a
}

func unescape(part string) string {
	if plain, err := url.PathUnescape(part); err == nil {
		return plain
	}
	return part
}
