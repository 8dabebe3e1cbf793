package kms

import (
	"testing"

	api "cloister/internal/awsapi/kms"
)

// Every key is on one page, whatever the pages' size.
func TestListKeysInPages(t *testing.T) {
	h := newHarness(t)
	want := map[string]bool{}
	for range 5 {
		want[*h.key(&api.CreateKeyRequest{})] = true
	}
	for limit := int64(1); limit < 7; limit++ {
		seen, in := map[string]bool{}, &api.ListKeysRequest{Limit: &limit}
		for {
			out := do(h, t, api.OpListKeys, in)
			if int64(len(out.Keys)) > limit || *out.Truncated != (out.NextMarker != nil) {
				t.Fatalf("%d keys on a page of %d, more: %v", len(out.Keys), limit, *out.Truncated)
			}
			for _, k := range out.Keys {
				if seen[*k.KeyId] || !want[*k.KeyId] {
					t.Errorf("%s is listed twice or is none", *k.KeyId)
				}
				seen[*k.KeyId] = true
			}
			if in.Marker = out.NextMarker; in.Marker == nil {
				break
			}
		}
		if len(seen) != len(want) {
			t.Errorf("pages of %d show %d of %d keys", limit, len(seen), len(want))
		}
	}
}
