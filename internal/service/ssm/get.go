package ssm

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	sm "cloister/internal/awsapi/secretsmanager"
	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/store"
)

// reading is a version of a parameter on its way to a caller.
type reading struct {
	p        *parameter
	v        *version
	selector string
}

// one reads what a ref names.
func one(c *door.Call, r store.Reader, f ref) (*reading, error) {
	p, err := find(c, r, f)
	if err != nil {
		return nil, err
	}
	v, err := p.choose(r, f.Selector)
	return &reading{p, v, f.Selector}, err
}

// show gives a reading, opened if the caller asked for that.
func (s *Service) show(c *door.Call, got *reading, decrypt bool) (*api.Parameter, error) {
	text, err := s.text(c, got, decrypt)
	return &api.Parameter{
		Name: &got.p.Name, Type: &got.v.Type, Value: &text, Version: &got.v.Number, Selector: some(got.selector),
		LastModifiedDate: &got.v.Modified, ARN: ptr(got.p.arn()), DataType: &got.v.DataType,
	}, err
}

func (s *Service) text(c *door.Call, got *reading, decrypt bool) (string, error) {
	switch {
	case got.v.Type != secure:
		return got.v.Text, nil
	case decrypt:
		text, err := s.open(c, got.p.arn(), got.v)
		c.Confide([]byte(text))
		return text, err
	}
	return got.v.closed(), nil
}

func (s *Service) getParameter(c *door.Call, in *api.GetParameterRequest) (*api.GetParameterResult, error) {
	f := parse(c, *in.Name)
	if id, ok := strings.CutPrefix(f.Name, secretPrefix); ok {
		p, err := s.secret(c, f, id, val(in.WithDecryption))
		return &api.GetParameterResult{Parameter: p}, err
	}
	var got *reading
	err := c.View(func(r store.Reader) (err error) {
		got, err = one(c, r, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := s.show(c, got, val(in.WithDecryption))
	return &api.GetParameterResult{Parameter: p}, err
}

// secretPrefix begins the names by which Parameter Store gives secrets of
// Secrets Manager.
const secretPrefix = "/aws/reference/secretsmanager/"

// secret reads a secret as the caller
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html).
func (s *Service) secret(c *door.Call, f ref, id string, decrypt bool) (*api.Parameter, error) {
	if !decrypt {
		return nil, invalid("WithDecryption flag must be True for retrieving a Secret Manager secret.")
	}
	in := &sm.GetSecretValueRequest{SecretId: &id}
	if label := strings.TrimPrefix(f.Selector, ":"); label != "" {
		in.VersionStage = &label
	}
	got, err := door.Do(c, s.door, c.Principal, sm.OpGetSecretValue, in)
	var e *awsapi.Error
	if errors.As(err, &e) && e.Code == "ResourceNotFoundException" {
		return nil, awsapi.Errorf("ParameterNotFound", "An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret %s not found.", f.Name)
	}
	if err != nil {
		return nil, err
	}
	text := val(got.SecretString)
	if got.SecretString == nil {
		text = base64.StdEncoding.EncodeToString(got.SecretBinary)
	}
	c.Confide([]byte(text))
	return &api.Parameter{
		Name: &f.Name, Type: ptr(secure), Value: &text, Version: ptr(int64(0)), Selector: some(f.Selector),
		LastModifiedDate: got.CreatedDate, ARN: got.ARN, DataType: ptr("text"),
	}, nil
}

func (s *Service) getParameters(c *door.Call, in *api.GetParametersRequest) (*api.GetParametersResult, error) {
	out := &api.GetParametersResult{Parameters: []*api.Parameter{}, InvalidParameters: []string{}}
	var found []*reading
	seen := map[string]bool{}
	err := c.View(func(r store.Reader) error {
		for _, name := range in.Names {
			if seen[name] {
				continue
			}
			seen[name] = true
			got, err := one(c, r, parse(c, name))
			switch {
			case isMissing(err):
				out.InvalidParameters = append(out.InvalidParameters, name)
			case err != nil:
				return err
			default:
				found = append(found, got)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b *reading) int { return strings.Compare(a.p.Name, b.p.Name) })
	for _, got := range found {
		p, err := s.show(c, got, val(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, p)
	}
	return out, nil
}

// isMissing tells whether an error says that there is no such parameter or
// version.
func isMissing(err error) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && (e.Code == "ParameterNotFound" || e.Code == "ParameterVersionNotFound")
}

func (s *Service) getByPath(c *door.Call, in *api.GetParametersByPathRequest) (*api.GetParametersByPathResult, error) {
	path := *in.Path
	if !isPath(path) {
		return nil, badPath()
	}
	filters, label, err := pathFilters(in.ParameterFilters)
	if err != nil {
		return nil, err
	}
	var found []*reading
	out := &api.GetParametersByPathResult{Parameters: []*api.Parameter{}}
	err = c.View(func(r store.Reader) error {
		all, err := under(c, r, path, val(in.Recursive))
		if err != nil {
			return err
		}
		all, err = after(all, in.NextToken)
		if err != nil {
			return err
		}
		for _, p := range all {
			if int64(len(found)) == or(in.MaxResults, 10) {
				out.NextToken = tokenOf(found[len(found)-1].p)
				return nil
			}
			got, err := chosen(r, p, label)
			if err != nil {
				return err
			}
			if got != nil && filters.match(got) {
				found = append(found, got)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, got := range found {
		p, err := s.show(c, got, val(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, p)
	}
	return out, nil
}

func isPath(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.Contains(path, "//") && namePattern.MatchString(path)
}

func badPath() error {
	return invalid(`The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.`)
}

// chosen is a parameter's latest version, or the one with a label; nil if none
// has it.
func chosen(r store.Reader, p *parameter, labels []string) (*reading, error) {
	selector := ""
	if labels != nil {
		i := slices.IndexFunc(labels, func(l string) bool { return p.Labels[l] > 0 })
		if i < 0 {
			return nil, nil
		}
		selector = ":" + labels[i]
	}
	v, err := p.choose(r, selector)
	return &reading{p, v, selector}, err
}

// under lists the parameters below a path by name.
func under(c *door.Call, r store.Reader, path string, deep bool) (all []*parameter, err error) {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	for item, err := range parameters.ScanIndex(r, "under", store.K(c.Account, c.Region, path), nil) {
		if err != nil {
			return nil, err
		}
		p := item.Value
		if !p.isGone(c.Time) && (deep || parent(p.Name) == path) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *parameter) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// after leaves out what a token says was given already: it is the last name.
func after(all []*parameter, token *string) ([]*parameter, error) {
	if token == nil {
		return all, nil
	}
	last, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil {
		return nil, awsapi.Errorf("InvalidNextToken", "The specified token is not valid.")
	}
	return slices.DeleteFunc(all, func(p *parameter) bool { return p.Name <= string(last) }), nil
}

func tokenOf(p *parameter) *string {
	return ptr(base64.RawURLEncoding.EncodeToString([]byte(p.Name)))
}
