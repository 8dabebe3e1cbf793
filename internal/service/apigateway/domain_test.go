package apigateway

import (
	"testing"

	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/store"
)

// A name that another account gave an HTTP API, or a REST API, is nobody else's.
func TestDomainsOfOthers(t *testing.T) {
	h := newHarness(t)
	other := &door.Principal{Principal: h.root.Principal}
	other.Account, other.ARN = "210987654321", "arn:aws:iam::210987654321:root"
	h.service.HeldElsewhere = func(_ store.Reader, name, account string) (bool, error) {
		return name == "http.example.org" && account != h.root.Account, nil
	}
	claim := func(as *door.Principal, name string) error {
		_, err := door.Do(t.Context(), h.Door, as, api.OpCreateDomainName, &api.CreateDomainNameRequest{DomainName: &name})
		return err
	}
	h.must(claim(h.root, "api.shop.example"))
	h.must(claim(h.root, "http.example.org"))
	h.must(claim(other, "api.other.example"))
	for _, name := range []string{"api.shop.example", "http.example.org", "x.on.aws", "x.amazoncognito.com", "x.localhost"} {
		if err := claim(other, name); err == nil {
			t.Errorf("another account takes %s", name)
		}
	}
}
