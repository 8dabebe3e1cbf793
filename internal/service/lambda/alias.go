package lambda

import (
	"errors"
	"math"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (a *alias) configuration(f ref) *api.AliasConfiguration {
	out := &api.AliasConfiguration{
		AliasArn:        ptr(f.at(a.Name)),
		Name:            ptr(a.Name),
		FunctionVersion: ptr(a.Version),
		Description:     ptr(a.Description),
		RevisionId:      ptr(a.RevisionID),
	}
	if len(a.Weights) > 0 {
		out.RoutingConfig = &api.AliasRoutingConfiguration{AdditionalVersionWeights: a.Weights}
	}
	return out
}

func (s *Service) createAlias(c *door.Call, tx *store.Tx, in *api.CreateAliasRequest) (*api.AliasConfiguration, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	a := &alias{Name: val(in.Name), Version: val(in.FunctionVersion), Description: val(in.Description), Weights: weights(in.RoutingConfig), RevisionID: newID()}
	if err := checkAlias(tx, f, a); err != nil {
		return nil, err
	}
	err = aliases.Insert(tx, f.key(a.Name), a)
	if errors.Is(err, store.ErrExists) {
		return nil, fail("ResourceConflictException", "Alias already exists: %s", f.at(a.Name))
	}
	return a.configuration(f), err
}

func weights(r *api.AliasRoutingConfiguration) map[string]float64 {
	if r == nil {
		return nil
	}
	return r.AdditionalVersionWeights
}

// checkAlias refuses an alias to versions that do not exist, and weights that
// say nothing.
func checkAlias(r store.Reader, f ref, a *alias) error {
	if _, err := functions.Get(r, f.key()); err != nil {
		return orNotFound(err, f)
	}
	if err := checkVersion(r, f, a.Version); err != nil {
		return err
	}
	if len(a.Weights) > 1 {
		return fail("InvalidParameterValueException", "Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for name, weight := range a.Weights {
		if a.Version == "$LATEST" || name == "$LATEST" {
			return fail("InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version")
		}
		if name == a.Version {
			return fail("InvalidParameterValueException", "Invalid function version %s. Function version %s is already included in routing configuration.", name, name)
		}
		if math.IsNaN(weight) || weight < 0 || weight > 1 {
			return fail("InvalidParameterValueException", "The weight of version %s must be between 0 and 1.", clip(name))
		}
		if err := checkVersion(r, f, name); err != nil {
			return err
		}
	}
	return nil
}

func checkVersion(r store.Reader, f ref, name string) error {
	number, ok := versionNumber(name)
	if !ok {
		return fail("InvalidParameterValueException", "%s is not a version of a function.", clip(name))
	}
	_, err := versions.Get(r, f.key(number))
	return orNotFound(err, f.qualified(name))
}

// aliasOf finds an alias; one that is missing is named by its ARN, behind the
// words that the operation has for it.
func aliasOf(c *door.Call, r store.Reader, function, name *string, missing string) (ref, *alias, error) {
	f, err := parseWhole(c, function)
	if err != nil {
		return f, nil, err
	}
	if _, err := functions.Get(r, f.key()); err != nil {
		return f, nil, orNotFound(err, f)
	}
	a, err := aliases.Get(r, f.key(val(name)))
	if errors.Is(err, store.ErrNotFound) {
		return f, nil, fail("ResourceNotFoundException", "%s: %s", missing, f.at(val(name)))
	}
	return f, a, err
}

func (s *Service) getAlias(c *door.Call, r store.Reader, in *api.GetAliasRequest) (*api.AliasConfiguration, error) {
	f, a, err := aliasOf(c, r, in.FunctionName, in.Name, "Cannot find alias arn")
	if err != nil {
		return nil, err
	}
	return a.configuration(f), nil
}

func (s *Service) listAliases(c *door.Call, r store.Reader, in *api.ListAliasesRequest) (*api.ListAliasesResponse, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if _, err := functions.Get(r, f.key()); err != nil {
		return nil, orNotFound(err, f)
	}
	out := &api.ListAliasesResponse{Aliases: []*api.AliasConfiguration{}}
	out.NextMarker, err = page(aliases.Scan, r, f.key(), in.Marker, or(in.MaxItems, 50), func(item store.Item[alias]) bool {
		if want := val(in.FunctionVersion); want != "" && item.Value.Version != want {
			return false
		}
		out.Aliases = append(out.Aliases, item.Value.configuration(f))
		return true
	})
	return out, err
}

func (s *Service) updateAlias(c *door.Call, tx *store.Tx, in *api.UpdateAliasRequest) (*api.AliasConfiguration, error) {
	f, a, err := aliasOf(c, tx, in.FunctionName, in.Name, "Alias not found")
	if err != nil {
		return nil, err
	}
	if err := checkRevision(a.RevisionID, in.RevisionId); err != nil {
		return nil, err
	}
	a.Version = or(in.FunctionVersion, a.Version)
	a.Description = or(in.Description, a.Description)
	if in.RoutingConfig != nil {
		a.Weights = weights(in.RoutingConfig)
	}
	a.RevisionID = newID()
	if err := checkAlias(tx, f, a); err != nil {
		return nil, err
	}
	return a.configuration(f), aliases.Put(tx, f.key(a.Name), a)
}

// deleteAlias succeeds for an alias that does not exist, as on AWS.
func (s *Service) deleteAlias(c *door.Call, tx *store.Tx, in *api.DeleteAliasRequest) (*awsapi.None, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if _, err := functions.Get(tx, f.key()); err != nil {
		return nil, orNotFound(err, f)
	}
	return none, errors.Join(
		deleteIfThere(tx, aliases, f.key(val(in.Name))),
		deleteIfThere(tx, permissions, f.key(val(in.Name))),
		deleteIfThere(tx, eventConfigs, f.key(val(in.Name))),
		deleteIfThere(tx, urls, f.key(val(in.Name))),
		urlGone(c, tx, f.qualified(val(in.Name))),
	)
}
