package apigatewayv2

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/gate"
	"cloister/internal/store"
)

// A domain is one account's: names are the node's, whoever has them.
var (
	domains  = store.Define[domain]("apigatewayv2.domain")   // name
	mappings = store.Define[mapping]("apigatewayv2.mapping") // domain, id
)

type domain struct {
	Account, Region string
	Domain          api.DomainName
}

func (d *domain) name() string   { return val(d.Domain.DomainName) }
func (d *domain) key() store.Key { return store.K(d.name()) }

type mapping struct {
	Domain  string
	Mapping api.ApiMapping
}

func (m *mapping) key() store.Key { return store.K(m.Domain, val(m.Mapping.ApiMappingId)) }

var domainName = regexp.MustCompile(`^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)

// ours are names that are the node's or AWS's, which nobody may claim.
var ours = regexp.MustCompile(`(?:^|\.)(?:localhost|amazonaws\.com|on\.aws|amazoncognito\.com|aws)$`)

func (s *Service) createDomain(c *door.Call, tx *store.Tx, in *api.CreateDomainNameRequest) (*api.CreateDomainNameResponse, error) {
	name := val(in.DomainName)
	if !domainName.MatchString(name) || len(name) > 253 || ours.MatchString(name) || s.taken(name) {
		return nil, badRequest("Invalid domain name: %.253s", name)
	}
	if held, err := s.heldByOthers(tx, name, c.Account); err != nil || held {
		return nil, orElse(err, conflict("The domain name you provided already exists."))
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	d := &domain{Account: c.Account, Region: c.Region, Domain: api.DomainName{
		DomainName: &name, ApiMappingSelectionExpression: ptr("$request.basepath"), Tags: in.Tags,
	}}
	if err := configure(d, in.DomainNameConfigurations, in.MutualTlsAuthentication); err != nil {
		return nil, err
	}
	err := domains.Insert(tx, d.key(), d)
	if errors.Is(err, store.ErrExists) {
		err = conflict("The domain name you provided already exists.")
	}
	return (*api.CreateDomainNameResponse)(&d.Domain), err
}

// heldByOthers asks the other kind of APIs, too: a name is one account's, whatever
// it is for.
func (s *Service) heldByOthers(r store.Reader, name, account string) (bool, error) {
	held, err := s.HeldByOthers(r, name, account)
	if err != nil || held || s.HeldElsewhere == nil {
		return held, err
	}
	return s.HeldElsewhere(r, name, account)
}

// HeldByOthers says whether an account other than the given one has a domain name
// here that a host could mean as well.
func (s *Service) HeldByOthers(r store.Reader, name, account string) (bool, error) {
	rows, err := all(domains.Scan, r, nil)
	return slices.ContainsFunc(rows, func(d *domain) bool {
		return d.Account != account && gate.Overlap(d.name(), name)
	}), err
}

// taken says whether a name would take requests that are for the node.
func (s *Service) taken(name string) bool {
	if s.Taken == nil {
		return false
	}
	return s.Taken(strings.TrimPrefix(name, "*."))
}

// configure checks and sets what a domain is served with.
func configure(d *domain, configurations []*api.DomainNameConfiguration, mutual *api.MutualTlsAuthenticationInput) error {
	if len(configurations) > 1 {
		return badRequest("A domain name has one configuration")
	}
	for _, given := range configurations {
		if or(given.EndpointType, api.EndpointTypeRegional) != api.EndpointTypeRegional {
			return badRequest("HTTP APIs have domain names of the endpoint type REGIONAL only")
		}
		if or(given.SecurityPolicy, api.SecurityPolicyTls12) != api.SecurityPolicyTls12 {
			return badRequest("HTTP APIs have domain names of the security policy TLS_1_2 only")
		}
		d.Domain.DomainNameConfigurations = []*api.DomainNameConfiguration{{
			ApiGatewayDomainName: d.Domain.DomainName, CertificateArn: given.CertificateArn, CertificateName: given.CertificateName,
			DomainNameStatus: ptr(api.DomainNameStatusAvailable), EndpointType: ptr(api.EndpointTypeRegional), SecurityPolicy: ptr(api.SecurityPolicyTls12),
		}}
	}
	if mutual == nil {
		return nil
	}
	if val(mutual.TruststoreUri) == "" {
		d.Domain.MutualTlsAuthentication = nil
		return nil
	}
	return badRequest("Mutual TLS is not available yet: no domain name is served without the certificates that it is to ask for")
}

func findDomain(c *door.Call, r store.Reader, name *string) (*domain, error) {
	d, err := domains.Get(r, store.K(val(name)))
	if err == nil && (d.Account != c.Account || d.Region != c.Region) {
		err = store.ErrNotFound
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound("Invalid domain name identifier specified")
	}
	return d, err
}

func (s *Service) getDomain(c *door.Call, r store.Reader, in *api.GetDomainNameRequest) (*api.GetDomainNameResponse, error) {
	d, err := findDomain(c, r, in.DomainName)
	if err != nil {
		return nil, err
	}
	return (*api.GetDomainNameResponse)(&d.Domain), nil
}

func (s *Service) getDomains(c *door.Call, r store.Reader, in *api.GetDomainNamesRequest) (*api.GetDomainNamesResponse, error) {
	if in.NextToken != nil {
		return nil, badRequest("Invalid nextToken")
	}
	rows, err := all(domains.Scan, r, nil)
	out := &api.GetDomainNamesResponse{Items: []*api.DomainName{}}
	for _, d := range rows {
		if d.Account == c.Account && d.Region == c.Region {
			out.Items = append(out.Items, &d.Domain)
		}
	}
	return out, err
}

func (s *Service) updateDomain(c *door.Call, tx *store.Tx, in *api.UpdateDomainNameRequest) (*api.UpdateDomainNameResponse, error) {
	d, err := findDomain(c, tx, in.DomainName)
	if err != nil {
		return nil, err
	}
	if err := configure(d, in.DomainNameConfigurations, in.MutualTlsAuthentication); err != nil {
		return nil, err
	}
	return (*api.UpdateDomainNameResponse)(&d.Domain), domains.Put(tx, d.key(), d)
}

func (s *Service) deleteDomain(c *door.Call, tx *store.Tx, in *api.DeleteDomainNameRequest) (*awsapi.None, error) {
	d, err := findDomain(c, tx, in.DomainName)
	if err != nil {
		return nil, err
	}
	own, err := all(mappings.Scan, tx, d.key())
	if err != nil {
		return nil, err
	}
	for _, m := range own {
		if err := mappings.Delete(tx, m.key()); err != nil {
			return nil, err
		}
	}
	return &awsapi.None{}, domains.Delete(tx, d.key())
}

var mappingPath = regexp.MustCompile(`^[A-Za-z0-9_.\-~!*'()+$]+(?:/[A-Za-z0-9_.\-~!*'()+$]+)*$`)

// putMapping checks and stores a mapping.
func putMapping(c *door.Call, tx *store.Tx, d *domain, m *mapping) error {
	if path := val(m.Mapping.ApiMappingKey); path != "" && (!mappingPath.MatchString(path) || len(path) > 300 || hasDots(path)) {
		return badRequest("API mapping key may contain letters, numbers and one of $-_.+!*'()/")
	}
	if _, _, err := findStage(c, tx, m.Mapping.ApiId, m.Mapping.Stage); err != nil {
		return err
	}
	others, err := all(mappings.Scan, tx, d.key())
	if err != nil {
		return err
	}
	for _, other := range others {
		if val(other.Mapping.ApiMappingId) != val(m.Mapping.ApiMappingId) && val(other.Mapping.ApiMappingKey) == val(m.Mapping.ApiMappingKey) {
			return conflict("ApiMapping key already exists for this domain name")
		}
	}
	if m.Mapping.ApiMappingId == nil {
		if len(others) >= 200 {
			return awsapi.Errorf("TooManyRequestsException", "Maximum number of API mappings for this domain name has been reached: 200")
		}
		m.Mapping.ApiMappingId = newID(6)
	}
	return mappings.Put(tx, m.key(), m)
}

func hasDots(path string) bool {
	for _, part := range strings.Split(path, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

func (s *Service) createMapping(c *door.Call, tx *store.Tx, in *api.CreateApiMappingRequest) (*api.CreateApiMappingResponse, error) {
	d, err := findDomain(c, tx, in.DomainName)
	if err != nil {
		return nil, err
	}
	m := &mapping{Domain: d.name(), Mapping: api.ApiMapping{ApiId: in.ApiId, Stage: in.Stage, ApiMappingKey: ptr(val(in.ApiMappingKey))}}
	return (*api.CreateApiMappingResponse)(&m.Mapping), putMapping(c, tx, d, m)
}

func findMapping(c *door.Call, r store.Reader, name, id *string) (*domain, *mapping, error) {
	d, err := findDomain(c, r, name)
	if err != nil {
		return nil, nil, err
	}
	m, err := mappings.Get(r, store.K(d.name(), val(id)))
	return d, m, orNotFound(err, "API mapping", val(id))
}

func (s *Service) getMapping(c *door.Call, r store.Reader, in *api.GetApiMappingRequest) (*api.GetApiMappingResponse, error) {
	_, m, err := findMapping(c, r, in.DomainName, in.ApiMappingId)
	if err != nil {
		return nil, err
	}
	return (*api.GetApiMappingResponse)(&m.Mapping), nil
}

func (s *Service) getMappings(c *door.Call, r store.Reader, in *api.GetApiMappingsRequest) (*api.GetApiMappingsResponse, error) {
	d, err := findDomain(c, r, in.DomainName)
	if err != nil {
		return nil, err
	}
	rows, next, err := page(mappings.Scan, r, d.key(), in.MaxResults, in.NextToken, func(m *mapping) string { return val(m.Mapping.ApiMappingId) })
	if err != nil {
		return nil, err
	}
	out := &api.GetApiMappingsResponse{Items: []*api.ApiMapping{}, NextToken: next}
	for _, m := range rows {
		out.Items = append(out.Items, &m.Mapping)
	}
	return out, nil
}

func (s *Service) updateMapping(c *door.Call, tx *store.Tx, in *api.UpdateApiMappingRequest) (*api.UpdateApiMappingResponse, error) {
	d, m, err := findMapping(c, tx, in.DomainName, in.ApiMappingId)
	if err != nil {
		return nil, err
	}
	change(&m.Mapping.ApiId, in.ApiId)
	change(&m.Mapping.Stage, in.Stage)
	change(&m.Mapping.ApiMappingKey, in.ApiMappingKey)
	return (*api.UpdateApiMappingResponse)(&m.Mapping), putMapping(c, tx, d, m)
}

func (s *Service) deleteMapping(c *door.Call, tx *store.Tx, in *api.DeleteApiMappingRequest) (*awsapi.None, error) {
	_, m, err := findMapping(c, tx, in.DomainName, in.ApiMappingId)
	if err != nil {
		return nil, err
	}
	return &awsapi.None{}, mappings.Delete(tx, m.key())
}
