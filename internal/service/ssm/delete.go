package ssm

import (
	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) deleteParameter(c *door.Call, tx *store.Tx, in *api.DeleteParameterRequest) (*api.DeleteParameterResult, error) {
	p, err := find(c, tx, parse(c, *in.Name))
	if err != nil {
		return nil, err
	}
	return &api.DeleteParameterResult{}, remove(tx, p)
}

func (s *Service) deleteParameters(c *door.Call, tx *store.Tx, in *api.DeleteParametersRequest) (*api.DeleteParametersResult, error) {
	out := &api.DeleteParametersResult{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		f := parse(c, name)
		p, err := find(c, tx, f)
		switch {
		case isMissing(err) || f.Selector != "":
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		case err != nil:
			return nil, err
		}
		if err := remove(tx, p); err != nil {
			return nil, err
		}
		out.DeletedParameters = append(out.DeletedParameters, name)
	}
	return out, nil
}
