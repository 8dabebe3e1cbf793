package cognitoidp

import (
	"cloister/internal/door"
	"cloister/internal/store"
)

// discovery is the pool's configuration (OpenID Connect Discovery, section 3).
func (s *Service) discovery(c *door.Call, x *exchange) (*answer, error) {
	name := x.domain
	if name == "" {
		err := c.View(func(r store.Reader) error {
			d, err := domains.Lookup(r, "pool", x.p.key())
			if isMissing(err) {
				return nil
			}
			if err == nil {
				name = d.Value.Name
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	at := s.publicURL
	if at == "" {
		at = origin(x.r)
	}
	doc := map[string]any{
		"issuer": s.issuer(x.p), "jwks_uri": at + "/_aws/cognito-idp/" + x.p.ID + keysPath,
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "scopes_supported": []string{"openid", "email", "phone", "profile"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "client_credentials"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":      []string{"S256"},
	}
	if s.publicURL != "" {
		doc["jwks_uri"] = s.publicURL + "/" + x.p.ID + keysPath
	}
	if name != "" {
		base := at + "/_aws/cognito/" + name
		doc["authorization_endpoint"], doc["token_endpoint"] = base+"/oauth2/authorize", base+"/oauth2/token"
		doc["userinfo_endpoint"], doc["revocation_endpoint"] = base+"/oauth2/userInfo", base+"/oauth2/revoke"
		doc["end_session_endpoint"] = base + "/logout"
	}
	return asJSON(200, doc), nil
}

func (s *Service) publishKeys(c *door.Call, x *exchange) (*answer, error) {
	var a *answer
	err := c.View(func(r store.Reader) error {
		set, err := s.keySet(r, x.p.ID)
		if err == nil {
			a = asJSON(200, set)
			a.header.Set("Cache-Control", "public, max-age=3600")
		}
		return err
	})
	return a, err
}
