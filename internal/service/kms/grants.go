package kms

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// maxGrants is AWS's limit for a key.
const maxGrants = 50_000

func (s *Service) registerGrants(d *door.Door) {
	door.Write(d, api.OpCreateGrant, door.Permission(s.needsOfCreateGrant), s.createGrant)
	door.Read(d, api.OpListGrants, onForeignKey(s, "ListGrants", func(in *api.ListGrantsRequest) *string { return in.KeyId }), s.listGrants)
	door.Read(d, api.OpListRetirableGrants, door.On("kms:ListRetirableGrants", func(*door.Call, *api.ListRetirableGrantsRequest) string { return "*" }), s.listRetirable)
	door.Write(d, api.OpRetireGrant, door.Permission(s.needsOfRetireGrant), s.retireGrant)
	door.Write(d, api.OpRevokeGrant, door.Permission(s.needsOfRevokeGrant), s.revokeGrant)
}

// wanted is the grant that a request asks for.
func wanted(c *door.Call, in *api.CreateGrantRequest) *grantRow {
	g := &grantRow{
		Name: val(in.Name), Grantee: val(in.GranteePrincipal), Retiring: val(in.RetiringPrincipal),
		Issuer: callerAccount(c.Principal), Operations: slices.Sorted(maps.Keys(setOf(in.Operations))), Created: c.Time,
	}
	if in.Constraints != nil {
		g.Equals, g.Subset = in.Constraints.EncryptionContextEquals, in.Constraints.EncryptionContextSubset
	}
	return g
}

func setOf(list []string) map[string]bool {
	set := map[string]bool{}
	for _, item := range list {
		set[item] = true
	}
	return set
}

func (s *Service) needsOfCreateGrant(c *door.Call, r store.Reader, in *api.CreateGrantRequest) ([]door.Need, error) {
	g := wanted(c, in)
	u := use{action: "CreateGrant", key: val(in.KeyId), foreign: true, child: g, tokens: in.GrantTokens, asked: policy.MapContext{
		"kms:granteeprincipal":      {g.Grantee},
		"kms:grantoperations":       g.Operations,
		"kms:grantisforawsresource": forResource(c),
	}}
	if g.Retiring != "" {
		u.asked["kms:retiringprincipal"] = []string{g.Retiring}
	}
	switch {
	case g.Equals != nil:
		u.asked["kms:grantconstrainttype"], u.context = []string{"EncryptionContextEquals"}, g.Equals
	case g.Subset != nil:
		u.asked["kms:grantconstrainttype"], u.context = []string{"EncryptionContextSubset"}, g.Subset
	}
	_, need, err := s.need(c, r, &u)
	return []door.Need{need}, err
}

// forResource is the value of kms:GrantIsForAWSResource: whether a service asks,
// for what it does with its caller's session or for what belongs to its source.
func forResource(c *door.Call) []string {
	return []string{strconv.FormatBool(viaService(c) != "" || c.Principal.Kind == policy.PrincipalService)}
}

func (s *Service) createGrant(c *door.Call, tx *store.Tx, in *api.CreateGrantRequest) (*api.CreateGrantResponse, error) {
	id, err := parseKey(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := s.checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	k, err := loadKey(tx, id)
	if err != nil {
		return nil, or404(err, noKey(id))
	}
	g := wanted(c, in)
	g.Account, g.Region, g.KeyID, g.ID = k.Account, k.Region, k.ID, newID()
	if err := k.takesGrant(c, g); err != nil {
		return nil, err
	}
	if err := s.identify(tx, g); err != nil {
		return nil, err
	}
	if val(in.DryRun) {
		return nil, dryRun()
	}
	if old := k.sameGrant(g); old != nil {
		return &api.CreateGrantResponse{GrantId: &old.ID, GrantToken: s.token(old)}, nil
	}
	if k.countGrants() >= maxGrants {
		return nil, fail("LimitExceededException", "A key can have at most %d grants.", maxGrants)
	}
	return &api.CreateGrantResponse{GrantId: &g.ID, GrantToken: s.token(g)}, grants.Insert(tx, g.key(), g)
}

// takesGrant refuses a grant that the key cannot have.
func (k *key) takesGrant(c *door.Call, g *grantRow) error {
	if err := k.usable(c, "", "CreateGrant"); err != nil {
		return err
	}
	for _, principal := range []string{g.Grantee, g.Retiring} {
		if principal != "" && !isPrincipal(principal) {
			return fail("InvalidArnException", "%s is not a valid principal.", principal)
		}
	}
	for _, operation := range g.Operations {
		if !k.grantable(operation) {
			return invalid("The operation %s is not valid for a key of the spec %s and the usage %s.", operation, k.Spec, k.Usage)
		}
	}
	if g.Equals != nil && g.Subset != nil {
		return invalid("Constraints can be one of EncryptionContextEquals and EncryptionContextSubset.")
	}
	if (g.Equals != nil || g.Subset != nil) && k.Spec != symmetric {
		return invalid("Grant constraints are for symmetric encryption keys only.")
	}
	return errors.Join(checkContext(g.Equals), checkContext(g.Subset))
}

// isPrincipal tells whether a policy could name the principal of a grant.
func isPrincipal(principal string) bool {
	if isService(principal) {
		return true
	}
	if !strings.HasPrefix(principal, "arn:aws:iam::") && !strings.HasPrefix(principal, "arn:aws:sts::") {
		return false
	}
	name, err := json.Marshal(principal)
	if err != nil {
		return false
	}
	_, err = policy.Parse(policy.KindResource, []byte(`{"Statement":{"Effect":"Allow","Principal":{"AWS":`+string(name)+`},"Action":"kms:Decrypt","Resource":"*"}}`))
	return err == nil
}

// grantable are the operations that there are for keys of a usage
// (https://docs.aws.amazon.com/kms/latest/developerguide/grants.html).
func (k *keyRow) grantable(operation string) bool {
	switch operation {
	case "CreateGrant", "RetireGrant", "DescribeKey":
		return true
	case "GetPublicKey":
		return k.Spec != symmetric && k.Usage != forMACs
	case "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo":
		return k.Usage == forEncryption
	case "Sign", "Verify":
		return k.Usage == forSignatures
	case "GenerateMac", "VerifyMac":
		return k.Usage == forMACs
	case "DeriveSharedSecret":
		return k.Usage == forAgreement
	}
	return k.Spec == symmetric
}

// sameGrant finds the grant that a request with a name asks for again.
func (k *key) sameGrant(g *grantRow) *grantRow {
	if g.Name == "" {
		return nil
	}
	for _, old := range k.grants[g.holder()] {
		same := old.Name == g.Name && old.Grantee == g.Grantee && old.GranteeID == g.GranteeID && old.Retiring == g.Retiring && old.RetiringID == g.RetiringID && slices.Equal(old.Operations, g.Operations) &&
			(old.Equals == nil) == (g.Equals == nil) && equal(old.Equals, g.Equals) &&
			(old.Subset == nil) == (g.Subset == nil) && equal(old.Subset, g.Subset)
		if same {
			return old.grantRow
		}
	}
	return nil
}

func (k *key) countGrants() (n int) {
	for _, all := range k.grants {
		n += len(all)
	}
	return n
}

func (s *Service) describeGrant(r store.Reader, g *grantRow) (*api.GrantListEntry, error) {
	grantee, err := s.shownAs(r, g.Grantee, g.GranteeID)
	if err != nil {
		return nil, err
	}
	e := &api.GrantListEntry{
		KeyId: ptr(keyID{g.Account, g.Region, g.KeyID}.arn()), GrantId: &g.ID, Name: &g.Name, CreationDate: &g.Created,
		GranteePrincipal: &grantee, IssuingAccount: ptr(rootARN(g.Issuer)), Operations: g.Operations,
	}
	if g.Retiring != "" {
		retiring, err := s.shownAs(r, g.Retiring, g.RetiringID)
		if err != nil {
			return nil, err
		}
		e.RetiringPrincipal = &retiring
	}
	if g.Equals != nil || g.Subset != nil {
		e.Constraints = &api.GrantConstraints{EncryptionContextEquals: g.Equals, EncryptionContextSubset: g.Subset}
	}
	return e, nil
}

func (s *Service) listGrants(c *door.Call, r store.Reader, in *api.ListGrantsRequest) (*api.ListGrantsResponse, error) {
	row, err := rowOf(c, r, in.KeyId)
	if err != nil {
		return nil, err
	}
	var all []*grantRow
	next, err := page(grants.Scan, r, row.id().key(), in.Marker, or(in.Limit, 50), func(item store.Item[grantRow]) bool {
		g := item.Value
		if who := val(in.GranteePrincipal); or(in.GrantId, g.ID) != g.ID || who != "" && who != g.Grantee && who != g.GranteeID {
			return false
		}
		all = append(all, g)
		return true
	})
	if err != nil {
		return nil, err
	}
	out, err := s.describeGrants(r, all)
	if err == nil {
		out.NextMarker, out.Truncated = next, ptr(next != nil)
	}
	return out, err
}

func (s *Service) describeGrants(r store.Reader, all []*grantRow) (*api.ListGrantsResponse, error) {
	out := &api.ListGrantsResponse{Grants: []*api.GrantListEntry{}, Truncated: ptr(false)}
	for _, g := range all {
		e, err := s.describeGrant(r, g)
		if err != nil {
			return nil, err
		}
		out.Grants = append(out.Grants, e)
	}
	return out, nil
}

// listRetirable lists the grants that a principal of the account may retire.
func (s *Service) listRetirable(c *door.Call, r store.Reader, in *api.ListRetirableGrantsRequest) (*api.ListGrantsResponse, error) {
	if parts := strings.SplitN(*in.RetiringPrincipal, ":", 6); len(parts) < 6 || parts[4] != c.Account {
		return nil, fail("InvalidArnException", "%s is not a principal of the account.", *in.RetiringPrincipal)
	}
	var all []*grantRow
	for item, err := range grants.ScanIndex(r, "retiring", store.K(c.Region, *in.RetiringPrincipal), nil) {
		if err != nil {
			return nil, err
		}
		all = append(all, item.Value)
	}
	slices.SortFunc(all, func(a, b *grantRow) int { return strings.Compare(a.ID, b.ID) })
	from, err := parsePlace(in.Marker, len(all))
	if err != nil {
		return nil, err
	}
	to := min(from+int(or(in.Limit, 50)), len(all))
	out, err := s.describeGrants(r, all[from:to])
	if err == nil && to < len(all) {
		out.NextMarker, out.Truncated = ptr(strconv.Itoa(to)), ptr(true)
	}
	return out, err
}

func (s *Service) needsOfRevokeGrant(c *door.Call, r store.Reader, in *api.RevokeGrantRequest) ([]door.Need, error) {
	u := use{action: "RevokeGrant", key: val(in.KeyId), foreign: true, asked: policy.MapContext{"kms:grantisforawsresource": forResource(c)}}
	_, need, err := s.need(c, r, &u)
	return []door.Need{need}, err
}

func (s *Service) revokeGrant(c *door.Call, tx *store.Tx, in *api.RevokeGrantRequest) (*awsapi.None, error) {
	row, err := rowOf(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	return none, deleteGrant(tx, grantID{row.id(), *in.GrantId}, val(in.DryRun))
}

func deleteGrant(tx *store.Tx, g grantID, dry bool) error {
	_, err := grants.Get(tx, g.key.key(g.id))
	if err != nil {
		return or404(err, fail("NotFoundException", "Grant ID %s not found", g.id))
	}
	if dry {
		return dryRun()
	}
	return grants.Delete(tx, g.key.key(g.id))
}

// retired is the grant that a RetireGrant names, by token or by key and id.
func (s *Service) retired(c *door.Call, in *api.RetireGrantRequest) (grantID, error) {
	switch {
	case in.GrantToken != nil && in.KeyId == nil && in.GrantId == nil:
		return s.parseToken(*in.GrantToken)
	case in.GrantToken == nil && in.KeyId != nil && in.GrantId != nil:
		id, err := parseKey(c, in.KeyId)
		return grantID{id, *in.GrantId}, err
	}
	return grantID{}, invalid("You must specify either the grant token, or both the key ARN and the grant ID.")
}

// needsOfRetireGrant: beside those whom the key's policy and IAM allow, the
// grant's retiring principal may retire it, and its grantee if the grant says so.
func (s *Service) needsOfRetireGrant(c *door.Call, r store.Reader, in *api.RetireGrantRequest) ([]door.Need, error) {
	u := use{action: "RetireGrant", foreign: true}
	id, wrong := s.retired(c, in)
	if wrong != nil { // the handler says what, to who may know
		return []door.Need{u.onAnything(c)}, nil
	}
	k, err := loadKey(r, id.key)
	if errors.Is(err, store.ErrNotFound) {
		return []door.Need{{Action: "kms:RetireGrant", Resource: id.key.arn(), Account: id.key.Account, Context: u.conditions(c, nil)}}, nil
	}
	if err != nil {
		return nil, err
	}
	need := k.need(c, &u)
	if need.Grants, err = retiring(c.Principal, r, id); err != nil {
		return nil, err
	}
	return []door.Need{need}, nil
}

// retiring is what a grant says about its own end.
func retiring(p *door.Principal, r store.Reader, id grantID) ([]policy.Named, error) {
	g, err := grants.Get(r, id.key.key(id.id))
	if err != nil {
		return nil, or404(err, nil)
	}
	var all []policy.Named
	may := func(principal, unique string) error {
		if !is(p, unique) {
			return nil
		}
		compiled, err := (&grantRow{ID: g.ID, Grantee: principal, GranteeID: unique, Operations: []string{"RetireGrant"}}).compile()
		if err == nil {
			all = append(all, compiled)
		}
		return err
	}
	if g.Retiring != "" {
		err = may(g.Retiring, g.RetiringID)
	}
	if err == nil && slices.Contains(g.Operations, "RetireGrant") {
		err = may(g.Grantee, g.GranteeID)
	}
	return all, err
}

func (s *Service) retireGrant(c *door.Call, tx *store.Tx, in *api.RetireGrantRequest) (*awsapi.None, error) {
	id, err := s.retired(c, in)
	if err != nil {
		return nil, err
	}
	return none, deleteGrant(tx, id, val(in.DryRun))
}
