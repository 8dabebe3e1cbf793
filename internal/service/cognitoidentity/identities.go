package cognitoidentity

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidentity"
	"cloister/internal/door"
	"cloister/internal/gate/bucket"
	"cloister/internal/store"
)

// mostLogins is how many logins an identity may have
// (https://docs.aws.amazon.com/cognito/latest/developerguide/limits.html: twenty
// public ones; of developers' none is given).
const mostLogins = 20

func (i *identity) key() store.Key { return store.K(i.Pool, i.ID) }

// methods are the providers, as trust policies and tokens have them.
func (i *identity) methods() (names []string) {
	for _, l := range i.Logins {
		if !slices.Contains(names, l.Provider) {
			names = append(names, l.Provider)
		}
	}
	return names
}

func (i *identity) shown() *api.IdentityDescription {
	return &api.IdentityDescription{IdentityId: &i.ID, Logins: i.methods(), CreationDate: &i.Created, LastModifiedDate: &i.Modified}
}

// byLogin finds the identity of a login in a pool.
func byLogin(r store.Reader, pool string, l login) (*identity, error) {
	for item, err := range identities.ScanIndex(r, "login", store.K(pool, l.Provider, l.Subject), nil) {
		return item.Value, err
	}
	return nil, store.ErrNotFound
}

// anyPool finds a pool for a caller who is not signed, and so is of no account.
func anyPool(r store.Reader, id string) (*pool, error) {
	p, err := pools.Get(r, store.K(id))
	if isMissing(err) {
		return nil, noPool(id)
	}
	return p, err
}

// anyIdentity finds an identity by its id alone, and its pool. The region that is
// in the id has to be the pool's.
func anyIdentity(r store.Reader, id string) (*pool, *identity, error) {
	found := idIndex(r, id)
	if found == nil {
		return nil, nil, noIdentity(id)
	}
	p, err := anyPool(r, found.Pool)
	return p, found, err
}

// idIndex finds an identity whose pool is not known.
func idIndex(r store.Reader, id string) *identity {
	for item, err := range identities.ScanIndex(r, "id", store.K(id), nil) {
		if err != nil {
			return nil
		}
		return item.Value
	}
	return nil
}

// strangerLimit is how often one address may ask for identities: nobody is known
// there yet, and every identity stays.
var strangerLimit = bucket.Limit{Rate: 25, Burst: 250}

// getID gives the identity of a caller, and makes it the first time. Two logins of
// one caller are joined; those of two identities are not.
func (s *Service) getID(c *door.Call, in *api.GetIdInput) (*api.GetIdResponse, error) {
	var p *pool
	err := c.View(func(r store.Reader) (err error) {
		p, err = anyPool(r, val(in.IdentityPoolId))
		return err
	})
	if err != nil {
		return nil, err
	}
	if in.AccountId != nil && *in.AccountId != p.Account {
		return nil, noPool(p.ID)
	}
	if len(in.Logins) == 0 && !val(p.Spec.AllowUnauthenticatedIdentities) {
		return nil, notAuthorized("Unauthenticated access is not supported for this identity pool.")
	}
	if !s.strangers.Take(c.Subscriber(), strangerLimit, c.Time) {
		return nil, awsapi.Errorf("TooManyRequestsException", "Rate exceeded")
	}
	proofs, own, err := s.prove(c, p, in.Logins)
	if err != nil {
		return nil, err
	}
	if own.id != "" {
		return nil, invalid("A token of %s names an identity already.", Provider)
	}
	c.Account = p.Account
	var out *identity
	err = c.Commit(func(tx *store.Tx) (err error) {
		out, err = join(tx, p.ID, proofs, c.Time)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.GetIdResponse{IdentityId: &out.ID}, nil
}

// join gives the identity that all the logins are, or are to be, of.
func join(tx *store.Tx, pool string, proofs []*proof, at time.Time) (*identity, error) {
	var out *identity
	for _, one := range proofs {
		found, err := byLogin(tx, pool, one.login)
		switch {
		case isMissing(err):
		case err != nil:
			return nil, err
		case out != nil && out.ID != found.ID:
			return nil, conflict(one.provider)
		default:
			out = found
		}
	}
	if out == nil {
		region, _, _ := strings.Cut(pool, ":")
		out = &identity{Pool: pool, ID: region + ":" + uuid.NewString(), Created: at}
	}
	for _, one := range proofs {
		if err := out.link(one.login, one.claims == nil, at); err != nil {
			return nil, err
		}
	}
	if out.Modified.IsZero() {
		out.Modified = at
	}
	return out, identities.Put(tx, out.key(), out)
}

// link adds a login. Of one provider an identity has one, but of the pool's
// developers' own.
func (i *identity) link(l login, developers bool, at time.Time) error {
	if slices.Contains(i.Logins, l) {
		return nil
	}
	if !developers && slices.ContainsFunc(i.Logins, func(o login) bool { return o.Provider == l.Provider }) {
		return conflict(l.Provider)
	}
	if len(i.Logins) >= mostLogins {
		return awsapi.Errorf("LimitExceededException", "An identity has at most %d logins.", mostLogins)
	}
	i.Logins, i.Modified = append(i.Logins, l), at
	return nil
}

func conflict(provider string) error {
	return awsapi.Errorf("ResourceConflictException", "Logins provided for %s are linked to another identity.", provider)
}

// holds says whether a caller has shown to be an identity: by a login of it, or
// by a token of this service for it. One that nobody logged in to is whoever
// knows its id.
func (i *identity) holds(proofs []*proof, own string) error {
	if i.Closed {
		return notAuthorized("Access to Identity '%s' is forbidden.", i.ID)
	}
	if own != "" && own != i.ID {
		return notAuthorized("Invalid login token. Token is not for this identity.")
	}
	if own == "" && len(proofs) == 0 && len(i.Logins) > 0 {
		return notAuthorized("Access to Identity '%s' is forbidden.", i.ID)
	}
	if own != "" || len(proofs) == 0 {
		return nil
	}
	for _, one := range proofs {
		if slices.Contains(i.Logins, one.login) {
			return nil
		}
	}
	if len(i.Logins) == 0 {
		return nil // it is logged in to for the first time, and linked
	}
	return notAuthorized("Logins don't match. Please include at least one valid login for this identity or identity pool.")
}

func (s *Service) describeIdentity(c *door.Call, r store.Reader, in *api.DescribeIdentityInput) (*api.IdentityDescription, error) {
	p, i, err := anyIdentity(r, val(in.IdentityId))
	if err == nil && (p.Account != c.Account || p.Region != c.Region) {
		err = noIdentity(val(in.IdentityId))
	}
	if err != nil {
		return nil, err
	}
	return i.shown(), nil
}

func (s *Service) listIdentities(c *door.Call, r store.Reader, in *api.ListIdentitiesInput) (*api.ListIdentitiesResponse, error) {
	p, err := poolOf(c, r, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	out := &api.ListIdentitiesResponse{IdentityPoolId: &p.ID, Identities: []*api.IdentityDescription{}}
	var after store.Key
	if in.NextToken != nil {
		after = store.K(p.ID, *in.NextToken)
	}
	for item, err := range identities.Scan(r, store.K(p.ID), after) {
		if err != nil {
			return nil, err
		}
		if item.Value.Closed && val(in.HideDisabled) {
			continue
		}
		if int64(len(out.Identities)) == val(in.MaxResults) {
			out.NextToken = out.Identities[len(out.Identities)-1].IdentityId
			break
		}
		out.Identities = append(out.Identities, item.Value.shown())
	}
	return out, nil
}

func (s *Service) deleteIdentities(c *door.Call, tx *store.Tx, in *api.DeleteIdentitiesInput) (*api.DeleteIdentitiesResponse, error) {
	out := &api.DeleteIdentitiesResponse{UnprocessedIdentityIds: []*api.UnprocessedIdentityId{}}
	for _, id := range in.IdentityIdsToDelete {
		p, i, err := anyIdentity(tx, id)
		if err != nil || p.Account != c.Account || p.Region != c.Region {
			continue // as on AWS, one that is not there is deleted
		}
		if err := identities.Delete(tx, i.key()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// unlink takes logins away from an identity, by a caller who shows to be it.
func (s *Service) unlink(c *door.Call, in *api.UnlinkIdentityInput) (*awsapi.None, error) {
	var p *pool
	err := c.View(func(r store.Reader) (err error) {
		p, _, err = anyIdentity(r, val(in.IdentityId))
		return err
	})
	if err != nil {
		return nil, err
	}
	proofs, own, err := s.prove(c, p, in.Logins)
	if err != nil {
		return nil, err
	}
	c.Account = p.Account
	return &awsapi.None{}, c.Commit(func(tx *store.Tx) error {
		_, i, err := anyIdentity(tx, val(in.IdentityId))
		if err != nil {
			return err
		}
		if len(i.Logins) == 0 {
			return notAuthorized("Access to Identity '%s' is forbidden.", i.ID)
		}
		if err := i.holds(proofs, own.id); err != nil {
			return err
		}
		i.Logins = slices.DeleteFunc(i.Logins, func(l login) bool { return slices.Contains(in.LoginsToRemove, l.Provider) })
		i.Modified, i.Closed = c.Time, len(i.Logins) == 0
		return identities.Put(tx, i.key(), i)
	})
}
