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

func (s *Service) getFunction(c *door.Call, in *api.GetFunctionRequest) (*api.GetFunctionResponse, error) {
	f, t, err := s.asked(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	configuration, err := s.reveal(c, f, &shown{t.version, t.version.configuration(f)}, nil)
	if err != nil {
		return nil, err
	}
	fn := t.function
	location := &api.FunctionCodeLocation{RepositoryType: ptr("S3")}
	if under := t.version.Code.Under; under != nil {
		location.SourceKMSKeyArn = ptr(under.Key)
	}
	out := &api.GetFunctionResponse{
		Configuration: configuration,
		Code:          location,
	}
	if len(fn.Tags) > 0 {
		out.Tags = fn.Tags
	}
	if fn.Reserved != nil {
		out.Concurrency = &api.Concurrency{ReservedConcurrentExecutions: fn.Reserved}
	}
	return out, nil
}

// asked is what a request is about that was authorised by onTarget: the target
// that was decided on, which is then in memory for the next request.
func (s *Service) asked(c *door.Call, name, qualifier *string) (ref, *target, error) {
	f, err := parseRef(c, name, qualifier)
	if err != nil {
		return f, nil, err
	}
	t, ok := c.Found.(*target)
	if !ok {
		return f, nil, notFound(f)
	}
	if s.targets.cached(f) == nil {
		_, err = s.targets.get(c, f)
	}
	return f, t, err
}

func (s *Service) getFunctionConfiguration(c *door.Call, in *api.GetFunctionConfigurationRequest) (*api.FunctionConfiguration, error) {
	f, t, err := s.asked(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return s.reveal(c, f, &shown{t.version, t.version.configuration(f)}, nil)
}

// listFunctions lists the latest versions by name or, asked for ALL, every
// version.
func (s *Service) listFunctions(c *door.Call, in *api.ListFunctionsRequest) (*api.ListFunctionsResponse, error) {
	all := val(in.FunctionVersion) == "ALL"
	var found []listedVersion
	out := &api.ListFunctionsResponse{}
	err := c.View(func(r store.Reader) (err error) {
		found = nil // a view may run again
		out.NextMarker, err = page(versions.Scan, r, store.K(c.Account, c.Region), in.Marker, min(or(in.MaxItems, maxPage), maxPage), func(item store.Item[version]) bool {
			v := item.Value
			if v.Number != latest && !all {
				return false
			}
			f := ref{Account: c.Account, Region: c.Region, Name: item.Key[2].(string)}
			if all {
				f.Qualifier = v.name()
			}
			found = append(found, listedVersion{f, v})
			return true
		})
		return err
	})
	if err == nil {
		out.Functions, err = s.revealAll(c, found)
	}
	return out, err
}
