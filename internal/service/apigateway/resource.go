package apigateway

import (
	"regexp"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
)

// mostResources is how many an API has (AWS's quota).
const mostResources = 300

var pathPart = regexp.MustCompile(`^(?:[a-zA-Z0-9._:$-]+|\{[a-zA-Z0-9._:-]+\+?\})$`)

func checkPart(part string) error {
	if !pathPart.MatchString(part) || part == "." || part == ".." || len(part) > 512 {
		return badRequest("Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.")
	}
	return nil
}

func (a *apiRow) resource(id *string) (*api.Resource, error) {
	r := a.Definition.Resources[val(id)]
	if r == nil {
		return nil, notFound("Invalid Resource identifier specified")
	}
	return r, nil
}

func createResource(_ *door.Call, a *apiRow, in *api.CreateResourceRequest) (*api.Resource, error) {
	parent, err := a.resource(in.ParentId)
	if err != nil {
		return nil, err
	}
	return a.addResource(parent, val(in.PathPart))
}

func (a *apiRow) addResource(parent *api.Resource, part string) (*api.Resource, error) {
	if err := checkPart(part); err != nil {
		return nil, err
	}
	if len(a.Definition.Resources) >= mostResources {
		return nil, awsapi.Errorf("LimitExceededException", "Maximum number of resources for this API has been reached: %d", mostResources)
	}
	r := &api.Resource{Id: ptr(newID(6)), ParentId: parent.Id, PathPart: &part, ResourceMethods: map[string]*api.Method{}}
	a.Definition.Resources[*r.Id] = r
	return r, a.place()
}

// place gives every resource the path that it stands at.
func (a *apiRow) place() error {
	for _, r := range a.Definition.Resources {
		path, err := a.pathOf(r, 0)
		if err != nil {
			return err
		}
		r.Path = &path
	}
	return nil
}

func (a *apiRow) pathOf(r *api.Resource, depth int) (string, error) {
	if r.ParentId == nil {
		return "/", nil
	}
	parent := a.Definition.Resources[*r.ParentId]
	if parent == nil || depth > 64 {
		return "", badRequest("Invalid Resource identifier specified")
	}
	above, err := a.pathOf(parent, depth+1)
	return strings.TrimSuffix(above, "/") + "/" + val(r.PathPart), err
}

// checkResources refuses siblings that take the same requests, and resources below a
// greedy one.
func (a *apiRow) checkResources() error {
	seen := map[string]string{}
	for _, r := range values(a.Definition.Resources) {
		path := val(r.Path)
		if len(path) > 2000 {
			return badRequest("The resource's path is too long")
		}
		parts := strings.Split(path, "/")
		for i, p := range parts {
			if strings.HasSuffix(p, "+}") && i < len(parts)-1 {
				return badRequest("Cannot create a child of a resource with a greedy path variable: %.200s", parts[i])
			}
			if strings.HasPrefix(p, "{") {
				parts[i] = "{}"
				if strings.HasSuffix(p, "+}") {
					parts[i] = "{+}"
				}
			}
		}
		if other, taken := seen[strings.Join(parts, "/")]; taken {
			if other == path {
				return conflict("Another resource with the same parent already has this name: %s", val(r.PathPart))
			}
			return badRequest("A sibling (%.200s) of this resource already has a variable path part -- only one is allowed", other)
		}
		seen[strings.Join(parts, "/")] = path
	}
	return nil
}

// shown is a resource as it is answered: without what its methods are made of, unless
// that is asked for.
func shown(r *api.Resource, embed []string) *api.Resource {
	out := *r
	if len(r.ResourceMethods) == 0 {
		out.ResourceMethods = nil
	} else if !slices.Contains(embed, "methods") {
		out.ResourceMethods = map[string]*api.Method{}
		for name := range r.ResourceMethods {
			out.ResourceMethods[name] = &api.Method{}
		}
	}
	return &out
}

func getResource(a *apiRow, in *api.GetResourceRequest) (*api.Resource, error) {
	r, err := a.resource(in.ResourceId)
	if err != nil {
		return nil, err
	}
	return shown(r, in.Embed), nil
}

func getResources(a *apiRow, in *api.GetResourcesRequest) (*api.Resources, error) {
	items, next, err := page(values(a.Definition.Resources), func(r *api.Resource) string { return val(r.Path) }, in.Position, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &api.Resources{Position: next}
	for _, r := range items {
		out.Items = append(out.Items, shown(r, in.Embed))
	}
	return out, nil
}

func updateResource(_ *door.Call, a *apiRow, in *api.UpdateResourceRequest) (*api.Resource, error) {
	r, err := a.resource(in.ResourceId)
	if err != nil {
		return nil, err
	}
	if r.ParentId == nil {
		return nil, badRequest("The root resource cannot be changed")
	}
	if err := patch(r, in.PatchOperations, "/pathPart", "/parentId"); err != nil {
		return nil, err
	}
	if err := checkPart(val(r.PathPart)); err != nil {
		return nil, err
	}
	return shown(r, nil), a.place()
}

func deleteResource(_ *door.Call, a *apiRow, in *api.DeleteResourceRequest) (*awsapi.None, error) {
	r, err := a.resource(in.ResourceId)
	if err != nil {
		return nil, err
	}
	if r.ParentId == nil {
		return nil, badRequest("Root resource can not be deleted")
	}
	below := val(r.Path) + "/"
	for id, other := range a.Definition.Resources {
		if id == *r.Id || strings.HasPrefix(val(other.Path), below) {
			delete(a.Definition.Resources, id)
		}
	}
	return &awsapi.None{}, nil
}
