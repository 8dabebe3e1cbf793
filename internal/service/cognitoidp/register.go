package cognitoidp

import (
	"encoding/json"

	"cloister/internal/door"
	"cloister/internal/store"
)

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	s.door = d
	s.registerPools(d)
	s.registerClients(d)
	s.registerSignUp(d)
	s.registerAuth(d)
	s.registerSelf(d)
	s.registerAdmin(d)
	s.registerGroups(d)
	s.registerDomains(d)
	s.registerServers(d)
	s.registerProviders(d)
	s.registerFront(d)
}

// identities is the claim of who a user is at other providers, "" for nobody
// (https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation.html).
func (u *user) identities() string {
	if len(u.Identities) == 0 {
		return ""
	}
	type shown struct {
		UserID   string  `json:"userId"`
		Provider string  `json:"providerName"`
		Type     string  `json:"providerType"`
		Issuer   *string `json:"issuer"`
		Primary  bool    `json:"primary"`
		Created  int64   `json:"dateCreated"`
	}
	var all []shown
	for _, i := range u.Identities {
		all = append(all, shown{i.UserID, i.Provider, i.Type, nil, i.Primary, i.Created.UnixMilli()})
	}
	text, err := json.Marshal(all)
	if err != nil {
		return ""
	}
	return string(text)
}

// hasScope tells whether a pool has a resource server with a scope, by its full
// name.
func hasScope(r store.Reader, p *pool, name string) (bool, error) {
	for item, err := range servers.Scan(r, p.key(), nil) {
		if err != nil {
			return false, err
		}
		for _, s := range item.Value.Scopes {
			if item.Value.Identifier+"/"+s.Name == name {
				return true, nil
			}
		}
	}
	return false, nil
}
