package cognitoidp

import (
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/gate/jwt"
)

// Whoever verifies tokens on this node takes a pool's by either of its names, has
// its keys at hand, and forgets them when the pool is deleted.
func TestIssuers(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.PublicURL = "https://node.example" })
	poolID, clientID := h.makePool()
	otherID, _ := h.makePool()
	h.makeUser(poolID, "ann")
	token := *h.signedIn(clientID, "ann").IdToken
	issuers := h.service.Issuers()
	v := jwt.New(nil, issuers) // no keys but the node's own
	aws := "https://cognito-idp.us-east-1.amazonaws.com/"
	for _, issuer := range []string{"https://node.example/" + poolID, aws + poolID} {
		claims, err := v.Verify(t.Context(), issuer, token, h.now())
		if err != nil || claims.Issuer != "https://node.example/"+poolID {
			t.Errorf("for %s: %v", issuer, err)
		}
	}
	for _, issuer := range []string{aws + otherID, "https://node.example/" + otherID} {
		if _, err := v.Verify(t.Context(), issuer, token, h.now()); !errors.Is(err, jwt.ErrIssuer) {
			t.Errorf("for %s: %v", issuer, err)
		}
	}
	for _, url := range []string{"https://cognito-idp.eu-west-1.amazonaws.com/" + poolID, "https://cognito-idp.us-east-1.amazonaws.com.evil/" + poolID, "http://node.example/" + poolID, "https://node.example/us-east-1_none", aws + poolID + "/", aws, ""} {
		if _, _, ok, err := issuers.Keys(t.Context(), url); ok || err != nil {
			t.Errorf("%q is a pool's (%v)", url, err)
		}
	}
	keys := func() *jose.JSONWebKey {
		_, keys, _, err := issuers.Keys(t.Context(), aws+poolID)
		if err != nil || len(keys) == 0 {
			t.Fatal(err)
		}
		return &keys[0]
	}
	if first := keys(); first != keys() {
		t.Error("keys that did not change are others each time")
	}
	do(h, api.OpDeleteUserPool, &api.DeleteUserPoolRequest{UserPoolId: &poolID})
	if _, _, ok, err := issuers.Keys(t.Context(), aws+poolID); ok || err != nil {
		t.Errorf("a deleted pool is an issuer (%v)", err)
	}
}
