package iam

import (
	"errors"
	"testing"

	"cloister/internal/awsapi"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

// What bindTrust accepts is a trust policy again, and binding it once more
// changes nothing; everything else is an error for the wire.
func FuzzBindTrust(f *testing.F) {
	h := newHarness(f)
	h.newUser("alice")
	f.Add(trustsRoot)
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:user\/alice","*"]},"Action":"sts:AssumeRole"}]}`)
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/alice"},"Action":"*","Condition":{"NumericEquals":{"a":12345678901234567890}}}}`)
	f.Add(`{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::123456789012:role/none"},"Action":"*"}}`)
	f.Add(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringEquals":{"a":["<&>"]}}}}`)
	f.Fuzz(func(t *testing.T, document string) {
		err := h.view(func(r store.Reader) error {
			bound, err := h.iam.bindTrust(r, doortest.Account, document)
			var wire *awsapi.Error
			if errors.As(err, &wire) {
				return nil
			}
			if err != nil {
				return err
			}
			if _, err := policy.Parse(policy.KindTrust, []byte(bound)); err != nil {
				t.Errorf("%s is bound to %s: %v", document, bound, err)
			}
			again, err := h.iam.bindTrust(r, doortest.Account, bound)
			if err != nil || again != bound {
				t.Errorf("%s is bound again to %s: %v", bound, again, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func FuzzMarker(f *testing.F) {
	f.Add("YWZ0ZXI6YWxpY2U")
	f.Add("")
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, marker string) {
		key, err := parseMarker(marker)
		if err != nil {
			return
		}
		if again, err := parseMarker(formatMarker(key)); err != nil || again != key {
			t.Errorf("%q gives %q, and that %q, %v", marker, key, again, err)
		}
	})
}

// FuzzARNs takes ARNs apart that nobody checked.
func FuzzARNs(f *testing.F) {
	f.Add("arn:aws:iam::123456789012:policy/a/b")
	f.Add("arn:aws:iam::123456789012:role/")
	f.Add("arn:aws:iam::")
	f.Fuzz(func(t *testing.T, text string) {
		if account, name, ok := splitRoleARN(text); ok && len(account)+len(name) > len(text) {
			t.Errorf("%q has account %q and name %q", text, account, name)
		}
		splitPolicyARN(text)
	})
}
