package secretsmanager

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	api "cloister/internal/awsapi/secretsmanager"
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
			key.Time = h.now()
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

var (
	motoSuffix = regexp.MustCompile(`(:secret:[\w/+=.@!-]*?)-[A-Za-z0-9]{6}"`)
	motoID     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// tidyForMoto takes away what is random, and what moto gives beside AWS's
// documentation everywhere: DescribeSecret and ListSecrets have what is the other's,
// and ListSecretVersionIds the name as ARN and no KmsKeyIds.
func tidyForMoto(answer map[string]any) {
	text, _ := json.Marshal(answer)
	text = motoSuffix.ReplaceAll(text, []byte(`$1-######"`))
	text = motoID.ReplaceAll(text, []byte("RANDOM"))
	clear(answer)
	_ = json.Unmarshal(text, &answer)
	delete(answer, "RandomPassword")
	if _, describes := answer["VersionIdsToStages"]; describes {
		delete(answer, "SecretVersionsToStages")
	}
	secrets, _ := answer["SecretList"].([]any)
	for _, s := range secrets {
		delete(s.(map[string]any), "VersionIdsToStages")
	}
	slices.SortFunc(secrets, func(a, b any) int {
		return strings.Compare(a.(map[string]any)["ARN"].(string), b.(map[string]any)["ARN"].(string))
	})
	versions, listed := answer["Versions"].([]any)
	if listed {
		delete(answer, "ARN")
	}
	for _, v := range versions {
		delete(v.(map[string]any), "KmsKeyIds")
	}
}
