package lambda

import (
	"errors"

	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

// resolve finds the version that f's qualifier names, through an alias if it is
// one. Of an alias with weights it is the main version.
func resolve(r store.Reader, f ref) (*version, error) {
	number, ok := versionNumber(f.Qualifier)
	if !ok {
		a, err := aliases.Get(r, f.key(f.Qualifier))
		if errors.Is(err, store.ErrNotFound) {
			return nil, notFound(f)
		}
		if err != nil {
			return nil, err
		}
		number, _ = versionNumber(a.Version)
	}
	v, err := versions.Get(r, f.key(number))
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound(f)
	}
	return v, err
}

func (s *Service) getFunction(c *door.Call, r store.Reader, in *api.GetFunctionRequest) (*api.GetFunctionResponse, error) {
	f, err := parseRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	t, err := s.targets.read(c, r, f)
	if err != nil {
		return nil, err
	}
	fn := t.function
	out := &api.GetFunctionResponse{
		Configuration: t.version.configuration(f),
		Code:          &api.FunctionCodeLocation{RepositoryType: ptr("S3")},
	}
	if len(fn.Tags) > 0 {
		out.Tags = fn.Tags
	}
	if fn.Reserved != nil {
		out.Concurrency = &api.Concurrency{ReservedConcurrentExecutions: fn.Reserved}
	}
	return out, nil
}

func (s *Service) getFunctionConfiguration(c *door.Call, r store.Reader, in *api.GetFunctionConfigurationRequest) (*api.FunctionConfiguration, error) {
	f, err := parseRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	t, err := s.targets.read(c, r, f)
	if err != nil {
		return nil, err
	}
	return t.version.configuration(f), nil
}

// listFunctions lists the latest versions by name or, asked for ALL, every
// version.
func (s *Service) listFunctions(c *door.Call, r store.Reader, in *api.ListFunctionsRequest) (*api.ListFunctionsResponse, error) {
	all := val(in.FunctionVersion) == "ALL"
	out := &api.ListFunctionsResponse{Functions: []*api.FunctionConfiguration{}}
	next, err := page(versions.Scan, r, store.K(c.Account, c.Region), in.Marker, min(or(in.MaxItems, maxPage), maxPage), func(item store.Item[version]) bool {
		v := item.Value
		if v.Number != latest && !all {
			return false
		}
		f := ref{Account: c.Account, Region: c.Region, Name: item.Key[2].(string)}
		if all {
			f.Qualifier = v.name()
		}
		out.Functions = append(out.Functions, v.listed(f))
		return true
	})
	out.NextMarker = next
	return out, err
}
