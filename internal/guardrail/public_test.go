package guardrail

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/policy"
)

func TestPublic(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		kind       policy.Kind
		statements string
		want       []int
	}{
		"the second of two":      {policy.KindResource, `{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"s3:*","Resource":"*"},{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}`, []int{1}},
		"until the year is over": {policy.KindResource, `{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"2027-01-01T00:00:00Z"}}}`, nil},
		"by TLS":                 {policy.KindResource, `{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`, []int{0}},
		"all but secrets":        {policy.KindResource, `{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"*","Resource":"arn:aws:s3:::secret/*"}`, []int{0}},
		"a role":                 {policy.KindTrust, `{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}`, []int{0}},
		"a role, by its id":      {policy.KindTrust, `{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}`, nil},
	} {
		p, err := policy.Parse(tt.kind, []byte(`{"Version":"2012-10-17","Statement":[`+tt.statements+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Public(p, "123456789012", now); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, tt.want)
		}
	}
}

// A policy that would take too long is refused, not decided in part.
func TestPublicIsBounded(t *testing.T) {
	var statements []string
	for i := range 300 {
		statements = append(statements, fmt.Sprintf(`{"Effect":"Allow","Principal":"*","Action":"s3:*%d*","Resource":"arn:*%d*%d*"}`, i, i, i+1))
	}
	p, err := policy.Parse(policy.KindResource, []byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Public(p, "123456789012", time.Now()); !errors.Is(err, ErrNotDecided) {
		t.Error(err)
	}
}
