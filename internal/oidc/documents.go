package oidc

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// How large an issuer's documents may be, and how many keys it may have: as many
// as IAM takes (100 of RSA and 100 of elliptic curves).
const (
	mostDiscovery = 64 << 10
	mostKeySet    = 512 << 10
	mostKeys      = 200
)

// readDiscovery gives the address of the keys of an issuer, whose document has
// to be about that very issuer.
func readDiscovery(text []byte, issuer string) (string, error) {
	var doc struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return "", fmt.Errorf("%w: its configuration is no JSON object of the right form", ErrNoKey)
	}
	if doc.Issuer != issuer {
		return "", fmt.Errorf("%w: its configuration is of the issuer %.200q", ErrNoKey, doc.Issuer)
	}
	u, err := url.Parse(doc.Keys)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return "", fmt.Errorf("%w: its configuration's jwks_uri is no https URL", ErrNoKey)
	}
	return doc.Keys, nil
}

// readKeySet gives the keys of a set that verify signatures; others, and those
// of kinds that nobody knows, are left out (RFC 7517, section 5).
func readKeySet(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("%w: its keys are no JSON object of the right form", ErrNoKey)
	}
	if len(set.Keys) > mostKeys {
		return nil, fmt.Errorf("%w: it has more than %d keys", ErrNoKey, mostKeys)
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(text) == nil && k.IsPublic() && k.Valid() && signs(k.Key) != nil && forSignatures(text) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: none of its keys verifies signatures of the algorithms that count", ErrNoKey)
	}
	return keys, nil
}

// forSignatures tells whether a key's publisher means it to verify signatures
// (RFC 7517, sections 4.2 and 4.3).
func forSignatures(text []byte) bool {
	var means struct {
		Use        *string  `json:"use"`
		Operations []string `json:"key_ops"`
	}
	if json.Unmarshal(text, &means) != nil {
		return false
	}
	return (means.Use == nil || *means.Use == "sig") && (means.Operations == nil || slices.Contains(means.Operations, "verify"))
}
