package cognitoidentity

import (
	"slices"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidentity"
	"cloister/internal/door"
	"cloister/internal/store"
)

// developerTokenLife is how long a developer's token is good if none says.
const developerTokenLife = 15 * time.Minute

// getDeveloperToken gives a user of the pool's developers an identity, and a token
// for it. That the caller may vouch for users has been decided.
func (s *Service) getDeveloperToken(c *door.Call, in *api.GetOpenIdTokenForDeveloperIdentityInput) (*api.GetOpenIdTokenForDeveloperIdentityResponse, error) {
	var p *pool
	err := c.View(func(r store.Reader) (err error) {
		p, err = poolOf(c, r, in.IdentityPoolId)
		return err
	})
	if err != nil {
		return nil, err
	}
	developers := val(p.Spec.DeveloperProviderName)
	user, given := in.Logins[developers]
	if developers == "" || !given {
		return nil, invalid("Please provide a login of the pool's developer provider.")
	}
	others := map[string]string{}
	for name, token := range in.Logins {
		if name != developers {
			others[name] = token
		}
	}
	proofs, own, err := s.prove(c, p, others)
	if err != nil {
		return nil, err
	}
	if own.id != "" {
		return nil, invalid("A token of %s is for its user, not for developers.", Provider)
	}
	proofs = append(proofs, &proof{login: login{developers, user}, provider: developers})
	o := &claimed{pool: p, proofs: proofs, kind: known}
	err = c.Commit(func(tx *store.Tx) (err error) {
		o.who, err = s.joinAt(tx, p, val(in.IdentityId), proofs, c.Time)
		return err
	})
	if err != nil {
		return nil, err
	}
	life := developerTokenLife
	if in.TokenDuration != nil {
		life = time.Duration(*in.TokenDuration) * time.Second
	}
	token, err := s.token(c, o, life, in.PrincipalTags)
	if err != nil {
		return nil, err
	}
	return &api.GetOpenIdTokenForDeveloperIdentityResponse{IdentityId: &o.who.ID, Token: &token}, nil
}

// joinAt is join, to the identity with an id if one is given.
func (s *Service) joinAt(tx *store.Tx, p *pool, id string, proofs []*proof, at time.Time) (*identity, error) {
	if id == "" {
		return join(tx, p.ID, proofs, at)
	}
	i, err := identities.Get(tx, store.K(p.ID, id))
	if isMissing(err) {
		return nil, noIdentity(id)
	}
	if err != nil {
		return nil, err
	}
	for _, one := range proofs {
		other, err := byLogin(tx, p.ID, one.login)
		if err != nil && !isMissing(err) {
			return nil, err
		}
		if err == nil && other.ID != id {
			return nil, awsapi.Errorf("DeveloperUserAlreadyRegisteredException", "Logins provided for %s are linked to another identity.", one.provider)
		}
		if err := i.link(one.login, one.claims == nil, at); err != nil {
			return nil, err
		}
	}
	i.Closed = false
	return i, identities.Put(tx, i.key(), i)
}

func (s *Service) lookupDeveloper(c *door.Call, r store.Reader, in *api.LookupDeveloperIdentityInput) (*api.LookupDeveloperIdentityResponse, error) {
	p, err := poolOf(c, r, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	if in.IdentityId == nil && in.DeveloperUserIdentifier == nil {
		return nil, invalid("Either IdentityId or DeveloperUserIdentifier must be given.")
	}
	var i *identity
	if in.IdentityId != nil {
		i, err = identities.Get(r, store.K(p.ID, *in.IdentityId))
	} else {
		i, err = byLogin(r, p.ID, login{val(p.Spec.DeveloperProviderName), *in.DeveloperUserIdentifier})
	}
	if isMissing(err) {
		return nil, awsapi.Errorf("ResourceNotFoundException", "The developer user or identity was not found.")
	}
	if err != nil {
		return nil, err
	}
	users := i.developerUsers(p)
	if in.IdentityId != nil && in.DeveloperUserIdentifier != nil && !slices.Contains(users, *in.DeveloperUserIdentifier) {
		return nil, awsapi.Errorf("ResourceConflictException", "The developer user is not linked to the identity.")
	}
	return &api.LookupDeveloperIdentityResponse{IdentityId: &i.ID, DeveloperUserIdentifierList: users}, nil
}

func (i *identity) developerUsers(p *pool) []string {
	users := []string{}
	for _, l := range i.Logins {
		if l.Provider == val(p.Spec.DeveloperProviderName) {
			users = append(users, l.Subject)
		}
	}
	return users
}

// mergeDevelopers has one identity take over the logins of another, which is gone.
func (s *Service) mergeDevelopers(c *door.Call, tx *store.Tx, in *api.MergeDeveloperIdentitiesInput) (*api.MergeDeveloperIdentitiesResponse, error) {
	p, err := s.developerPool(c, tx, in.IdentityPoolId, in.DeveloperProviderName)
	if err != nil {
		return nil, err
	}
	var both [2]*identity
	for n, user := range []*string{in.SourceUserIdentifier, in.DestinationUserIdentifier} {
		if both[n], err = byLogin(tx, p.ID, login{val(in.DeveloperProviderName), val(user)}); isMissing(err) {
			return nil, awsapi.Errorf("ResourceNotFoundException", "The developer user %s was not found.", val(user))
		}
		if err != nil {
			return nil, err
		}
	}
	source, target := both[0], both[1]
	if source.ID == target.ID {
		return &api.MergeDeveloperIdentitiesResponse{IdentityId: &target.ID}, nil
	}
	if err := identities.Delete(tx, source.key()); err != nil {
		return nil, err
	}
	for _, l := range source.Logins {
		if err := target.link(l, l.Provider == val(in.DeveloperProviderName), c.Time); err != nil {
			return nil, err
		}
	}
	return &api.MergeDeveloperIdentitiesResponse{IdentityId: &target.ID}, identities.Put(tx, target.key(), target)
}

func (s *Service) unlinkDeveloper(c *door.Call, tx *store.Tx, in *api.UnlinkDeveloperIdentityInput) (*awsapi.None, error) {
	p, err := s.developerPool(c, tx, in.IdentityPoolId, in.DeveloperProviderName)
	if err != nil {
		return nil, err
	}
	i, err := identities.Get(tx, store.K(p.ID, val(in.IdentityId)))
	if isMissing(err) {
		return nil, noIdentity(val(in.IdentityId))
	}
	if err != nil {
		return nil, err
	}
	l := login{val(in.DeveloperProviderName), val(in.DeveloperUserIdentifier)}
	if !has(i, l) {
		return nil, awsapi.Errorf("ResourceNotFoundException", "The developer user %s is not linked to the identity.", l.Subject)
	}
	i.Logins = slices.DeleteFunc(i.Logins, func(o login) bool { return o == l })
	i.Modified, i.Closed = c.Time, len(i.Logins) == 0
	return &awsapi.None{}, identities.Put(tx, i.key(), i)
}

// developerPool is a pool whose developers' provider has a name.
func (s *Service) developerPool(c *door.Call, r store.Reader, id, name *string) (*pool, error) {
	p, err := poolOf(c, r, id)
	if err == nil && (val(name) == "" || val(p.Spec.DeveloperProviderName) != val(name)) {
		err = invalid("The pool has no developer provider %s.", val(name))
	}
	return p, err
}
