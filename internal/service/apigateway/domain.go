package apigateway

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/gate"
	"cloister/internal/store"
)

var domainName = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)

// ours are names that are the node's or AWS's, which nobody may claim.
var ours = regexp.MustCompile(`(?:^|\.)(?:localhost|amazonaws\.com|on\.aws|amazoncognito\.com|aws)$`)

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
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
	rows, err := all(domains.Scan(r, nil, nil))
	return slices.ContainsFunc(rows, func(d *domainRow) bool {
		return d.Account != account && gate.Overlap(val(d.Domain.DomainName), name)
	}), err
}

func findDomain(r store.Reader, c *door.Call, name string) (*domainRow, error) {
	d, err := domains.Get(r, store.K(name))
	if errors.Is(err, store.ErrNotFound) || err == nil && (d.Account != c.Account || d.Region != c.Region) {
		return nil, notFound("Invalid domain name identifier specified")
	}
	return d, err
}

func (s *Service) createDomain(c *door.Call, tx *store.Tx, in *api.CreateDomainNameRequest) (*api.DomainName, error) {
	name := val(in.DomainName)
	if !domainName.MatchString(name) || len(name) > 253 || ours.MatchString(name) || s.Taken(name) {
		return nil, badRequest("The domain name is invalid: it is in lower case, and not one of the node's or of AWS's own")
	}
	if held, err := s.heldByOthers(tx, name, c.Account); err != nil || held {
		return nil, orElse(err, badRequest("The domain name you provided already exists."))
	}
	if in.CertificateBody != nil || in.CertificatePrivateKey != nil || in.CertificateChain != nil || in.MutualTlsAuthentication != nil {
		return nil, badRequest("Certificates and mutual TLS of a domain are the node's matter here")
	}
	d := &domainRow{Account: c.Account, Region: c.Region, Domain: api.DomainName{
		DomainName: &name, CertificateName: in.CertificateName, CertificateArn: in.CertificateArn, RegionalCertificateName: in.RegionalCertificateName,
		RegionalCertificateArn: in.RegionalCertificateArn, EndpointConfiguration: in.EndpointConfiguration, DomainNameStatus: ptr("AVAILABLE"),
		SecurityPolicy: ptr(or(in.SecurityPolicy, "TLS_1_2")), Tags: in.Tags,
	}}
	if val(d.Domain.SecurityPolicy) != "TLS_1_2" {
		return nil, badRequest("The security policy is TLS_1_2 here")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	err := domains.Insert(tx, store.K(name), d)
	if errors.Is(err, store.ErrExists) {
		return nil, badRequest("The domain name you provided already exists.")
	}
	return &d.Domain, err
}

func (s *Service) getDomain(c *door.Call, r store.Reader, in *api.GetDomainNameRequest) (*api.DomainName, error) {
	d, err := findDomain(r, c, val(in.DomainName))
	if err != nil {
		return nil, err
	}
	return &d.Domain, nil
}

func (s *Service) getDomains(c *door.Call, r store.Reader, in *api.GetDomainNamesRequest) (*api.DomainNames, error) {
	rows, err := all(domains.Scan(r, nil, nil))
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(d *domainRow) bool { return d.Account != c.Account || d.Region != c.Region })
	rows, next, err := page(rows, func(d *domainRow) string { return val(d.Domain.DomainName) }, in.Position, in.Limit)
	out := &api.DomainNames{Position: next}
	for _, d := range rows {
		out.Items = append(out.Items, &d.Domain)
	}
	return out, err
}

func (s *Service) deleteDomain(c *door.Call, tx *store.Tx, in *api.DeleteDomainNameRequest) (*awsapi.None, error) {
	if _, err := findDomain(tx, c, val(in.DomainName)); err != nil {
		return nil, err
	}
	return &awsapi.None{}, domains.Delete(tx, store.K(*in.DomainName))
}

// noBase is the base path of a mapping that has none.
const noBase = "(none)"

var basePath = regexp.MustCompile(`^[A-Za-z0-9$_.+!*'()-]{1,300}$`)

func (s *Service) createMapping(c *door.Call, tx *store.Tx, in *api.CreateBasePathMappingRequest) (*api.BasePathMapping, error) {
	d, err := findDomain(tx, c, val(in.DomainName))
	if err != nil {
		return nil, err
	}
	base := or(in.BasePath, noBase)
	if base == "" {
		base = noBase
	}
	if d.Mappings[base] != nil {
		return nil, conflict("Base path already exists for this domain name")
	}
	m := &api.BasePathMapping{BasePath: &base, RestApiId: in.RestApiId, Stage: in.Stage}
	return m, putMapping(tx, d, m)
}

func putMapping(tx *store.Tx, d *domainRow, m *api.BasePathMapping) error {
	if strings.Contains(*m.BasePath, "/") {
		return badRequest("API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base path mapping, use API Gateway V2.")
	}
	if *m.BasePath != noBase && !basePath.MatchString(*m.BasePath) || *m.BasePath == "." || *m.BasePath == ".." {
		return badRequest("Invalid base path specified")
	}
	a, err := findAPI(tx, d.Account, d.Region, val(m.RestApiId))
	if err != nil {
		return badRequest("Invalid REST API identifier specified")
	}
	if m.Stage != nil && a.Stages[*m.Stage] == nil {
		return badRequest("Invalid stage identifier specified")
	}
	if d.Mappings == nil {
		d.Mappings = map[string]*api.BasePathMapping{}
	}
	if len(d.Mappings) >= 300 {
		return awsapi.Errorf("LimitExceededException", "Maximum number of base path mappings for this domain has been reached: 300")
	}
	d.Mappings[*m.BasePath] = m
	return domains.Put(tx, store.K(val(d.Domain.DomainName)), d)
}

func mappingOf(r store.Reader, c *door.Call, domain, base *string) (*domainRow, *api.BasePathMapping, error) {
	d, err := findDomain(r, c, val(domain))
	if err != nil {
		return nil, nil, err
	}
	m := d.Mappings[val(base)]
	if m == nil {
		return nil, nil, notFound("Invalid base path mapping identifier specified")
	}
	return d, m, nil
}

func (s *Service) getMapping(c *door.Call, r store.Reader, in *api.GetBasePathMappingRequest) (*api.BasePathMapping, error) {
	_, m, err := mappingOf(r, c, in.DomainName, in.BasePath)
	return m, err
}

func (s *Service) getMappings(c *door.Call, r store.Reader, in *api.GetBasePathMappingsRequest) (*api.BasePathMappings, error) {
	d, err := findDomain(r, c, val(in.DomainName))
	if err != nil {
		return nil, err
	}
	items, next, err := page(values(d.Mappings), func(m *api.BasePathMapping) string { return val(m.BasePath) }, in.Position, in.Limit)
	return &api.BasePathMappings{Items: items, Position: next}, err
}

func (s *Service) updateMapping(c *door.Call, tx *store.Tx, in *api.UpdateBasePathMappingRequest) (*api.BasePathMapping, error) {
	d, m, err := mappingOf(tx, c, in.DomainName, in.BasePath)
	if err != nil {
		return nil, err
	}
	for _, op := range in.PatchOperations {
		if val(op.Path) == "/restapiId" {
			op.Path = ptr("/restApiId")
		}
	}
	if err := patch(m, in.PatchOperations, "/basePath", "/restApiId", "/stage"); err != nil {
		return nil, err
	}
	if m.BasePath == nil || *m.BasePath == "" {
		m.BasePath = ptr(noBase)
	}
	if *m.BasePath != *in.BasePath {
		if d.Mappings[*m.BasePath] != nil {
			return nil, conflict("Base path already exists for this domain name")
		}
		delete(d.Mappings, *in.BasePath)
	}
	return m, putMapping(tx, d, m)
}

func (s *Service) deleteMapping(c *door.Call, tx *store.Tx, in *api.DeleteBasePathMappingRequest) (*awsapi.None, error) {
	d, _, err := mappingOf(tx, c, in.DomainName, in.BasePath)
	if err != nil {
		return nil, err
	}
	delete(d.Mappings, *in.BasePath)
	return &awsapi.None{}, domains.Put(tx, store.K(val(d.Domain.DomainName)), d)
}

// unmap takes away the mappings to an API, or to one of its stages, and its place in
// usage plans.
func (s *Service) unmap(tx *store.Tx, a *apiRow, stage string) error {
	rows, err := all(domains.Scan(tx, nil, nil))
	if err != nil {
		return err
	}
	for _, d := range rows {
		n := len(d.Mappings)
		for base, m := range d.Mappings {
			if d.Account == a.Account && val(m.RestApiId) == a.id() && (stage == "" || val(m.Stage) == stage) {
				delete(d.Mappings, base)
			}
		}
		if len(d.Mappings) < n {
			if err := domains.Put(tx, store.K(val(d.Domain.DomainName)), d); err != nil {
				return err
			}
		}
	}
	subscribed, err := all(plans.Scan(tx, store.K(a.Account, a.Region), nil))
	if err != nil {
		return err
	}
	for _, p := range subscribed {
		n := len(p.Plan.ApiStages)
		p.Plan.ApiStages = slices.DeleteFunc(p.Plan.ApiStages, func(st *api.ApiStage) bool {
			return val(st.ApiId) == a.id() && (stage == "" || val(st.Stage) == stage)
		})
		if len(p.Plan.ApiStages) < n {
			if err := plans.Put(tx, p.key(), p); err != nil {
				return err
			}
		}
	}
	return nil
}

// Domains is the front for domains that users have mapped to APIs.
func (s *Service) Domains() gate.Front { return domainFront{s} }

type domainFront struct{ s *Service }

// Serve implements gate.Front.
func (f domainFront) Serve(w http.ResponseWriter, r *http.Request, t gate.Target) bool {
	if !domainName.MatchString(t.Host) {
		return false
	}
	d, err := f.s.memory.domain(r.Context(), t.Host)
	if err != nil || d == nil {
		return false
	}
	path := t.Path
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	m := d.Mappings[unescape(first)]
	if m != nil && first != noBase {
		path = "/" + rest
	} else {
		m = d.Mappings[noBase]
	}
	if m == nil {
		return false
	}
	x := newExchange(w, r, t)
	x.base = m
	t.Name = val(m.RestApiId)
	x.target = t
	if m.Stage != nil {
		path = "/" + *m.Stage + path
	}
	x.target.Path = path
	f.s.find(x)
	f.s.serve(x)
	return true
}
