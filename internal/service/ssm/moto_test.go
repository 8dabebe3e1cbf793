package ssm

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door/doortest"
)

// TestAgainstMoto plays testdata/moto/calls.txt to this service and to
// moto_server.
func TestAgainstMoto(t *testing.T) {
	h := newHarness(t)
	key := h.Key(h.root, &api.Service)
	peer := &doortest.Peer{
		Service: &api.Service,
		Ours: func(r *http.Request) (int, []byte) {
			key.Time = h.time
			w := h.Serve(h.Sign(r, key))
			return w.Code, w.Body.Bytes()
		},
		Theirs: func(r *http.Request) error {
			key.Time = time.Now()
			return key.Sign(r)
		},
		Tidy: tidyForMoto,
	}
	peer.Play(t, "testdata/moto/calls.txt")
}

// tidyForMoto takes away who changed a parameter, the ciphertexts, and the
// Selector and the ARN in descriptions, which moto never gives, and sorts
// parameters: AWS gives no order.
func tidyForMoto(answer map[string]any) {
	all, _ := answer["Parameters"].([]any)
	if p, ok := answer["Parameter"].(map[string]any); ok {
		all = append(all, p)
	}
	for _, p := range all {
		p := p.(map[string]any)
		delete(p, "LastModifiedUser")
		delete(p, "Selector")
		if p["Value"] == nil {
			delete(p, "ARN")
		}
		if p["Type"] == secure && p["Value"] != "clear" {
			delete(p, "Value")
		}
	}
	name := func(v any) string {
		n, _ := v.(map[string]any)["Name"].(string)
		return n
	}
	slices.SortStableFunc(all, func(a, b any) int { return strings.Compare(name(a), name(b)) })
}
