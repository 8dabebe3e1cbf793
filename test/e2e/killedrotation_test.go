package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestKilledKeyRotations kills a node while keys and the seal are rotated: what
// was encrypted and acknowledged opens afterwards, and every rotation that was
// acknowledged is there, whole.
func TestKilledKeyRotations(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	dir := filepath.Join(t.TempDir(), "data")
	sealed := map[string]string{} // ciphertexts to key ids
	rotations := 0
	for round := range rounds {
		n := startFlipped(t, dir)
		if n == nil {
			t.Fatalf("round %d: the node does not start", round)
		}
		for blob, key := range sealed {
			if ok, body := n.ask(t, question{"kms:Decrypt", map[string]any{"CiphertextBlob": []byte(blob)}}); !ok || between(body, `"Plaintext":"`, `"`) != "a2VwdA==" {
				t.Fatalf("round %d: a ciphertext of %s does not open: %s", round, key, body)
			}
		}
		timer := time.AfterFunc(time.Duration(30+37*round)*time.Millisecond, func() { _ = n.cmd.Process.Signal(syscall.SIGKILL) })
		var both sync.WaitGroup
		both.Go(func() {
			for ok := true; ok; {
				ok, _ = n.ask(t, question{"cloister:RotateSeal", map[string]any{}})
			}
		})
		rotations += rotateUntilKilled(t, n, sealed)
		both.Wait()
		timer.Stop()
		n.stop(syscall.SIGKILL)
	}
	if rotations == 0 {
		t.Error("no rotation was acknowledged")
	}
	n := startFlipped(t, dir)
	if n == nil {
		t.Fatal("the node does not start")
	}
	versions := 0
	for _, key := range distinct(sealed) {
		_, body := n.ask(t, question{"kms:ListKeyRotations", map[string]any{"KeyId": key}})
		var out struct{ Rotations []any }
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatal(err)
		}
		versions += len(out.Rotations)
	}
	if versions < rotations || versions > rotations+rounds {
		t.Errorf("%d rotations are there, %d were acknowledged in %d rounds", versions, rotations, rounds)
	}
	t.Logf("%d rotations, %d ciphertexts", rotations, len(sealed))
}

// rotateUntilKilled makes keys, rotates them, and keeps a ciphertext of each
// material that was acknowledged.
func rotateUntilKilled(t *testing.T, n *flipped, sealed map[string]string) (rotations int) {
	t.Helper()
	for {
		ok, body := n.ask(t, question{"kms:CreateKey", map[string]any{}})
		key := between(body, `"KeyId":"`, `"`)
		for i := 0; ok && i < 5; i++ {
			var blob string
			if blob, ok = encrypted(t, n, key); ok {
				sealed[blob] = key
				if ok, _ = n.ask(t, question{"kms:RotateKeyOnDemand", map[string]any{"KeyId": key}}); ok {
					rotations++
				}
			}
		}
		if !ok {
			return rotations
		}
	}
}

func encrypted(t *testing.T, n *flipped, key string) (blob string, ok bool) {
	t.Helper()
	ok, body := n.ask(t, question{"kms:Encrypt", map[string]any{"KeyId": key, "Plaintext": []byte("kept")}})
	if !ok {
		return "", false
	}
	var out struct{ CiphertextBlob []byte }
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", body, err))
	}
	return string(out.CiphertextBlob), true
}

func distinct(all map[string]string) (values []string) {
	seen := map[string]bool{}
	for _, v := range all {
		if !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	return values
}
