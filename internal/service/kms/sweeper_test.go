package kms

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloister/internal/audit"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/blob"
	"cloister/internal/store"
)

// The sweeper comes by at once and every minute, also after a round that failed,
// and not any more once it is closed.
func TestSweeperComesBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var rounds []time.Duration
		w := startSweeper(func(_ context.Context, now time.Time) error {
			rounds = append(rounds, now.Sub(began))
			return errors.New("this round fails")
		}, time.Now, sweepEvery)
		time.Sleep(2*time.Minute + time.Second)
		w.close()
		time.Sleep(time.Hour)
		if len(rounds) != 3 || rounds[0] != 0 || rounds[1] != time.Minute || rounds[2] != 2*time.Minute {
			t.Errorf("rounds at %v", rounds)
		}
	})
}

// A sweep under way ends before close returns.
func TestSweeperClosesAfterItsRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		w := startSweeper(func(ctx context.Context, _ time.Time) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
			return ctx.Err()
		}, time.Now, sweepEvery)
		synctest.Wait()
		w.close()
		if !ended {
			t.Error("close did not wait")
		}
	})
}

// again is the service after the process was killed and started anew.
func (h *harness) again() *Service {
	h.t.Helper()
	files, err := blob.OpenDir(h.Dir+"/wrapping", h.Keys)
	if err != nil {
		h.t.Fatal(err)
	}
	return &Service{db: h.DB, seals: h.Keys, vault: &vault{files}, cache: newCache(10), audit: h.Audit}
}

// dying makes a key with two materials that is due for destruction, and gives a
// ciphertext.
func (h *harness) dying() (id *string, blob []byte) {
	id = h.key(&api.CreateKeyRequest{})
	blob = do(h, h.t, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("x")}).CiphertextBlob
	do(h, h.t, api.OpRotateKeyOnDemand, &api.RotateKeyOnDemandRequest{KeyId: id})
	do(h, h.t, api.OpScheduleKeyDeletion, &api.ScheduleKeyDeletionRequest{KeyId: id, PendingWindowInDays: ptr(int64(7))})
	h.now = h.now.AddDate(0, 0, 7)
	return id, blob
}

// Killed between any two steps of a destruction, the next sweep completes it.
func TestDestructionIsCompletedAfterAKill(t *testing.T) {
	ctx := context.Background()
	for name, until := range map[string]func(h *harness, s *Service){
		"before it": func(*harness, *Service) {},
		"after the transaction": func(h *harness, s *Service) {
			due, err := s.due(ctx, h.now)
			if err != nil || len(due) != 1 {
				h.t.Fatal(due, err)
			}
			if err := s.attend(ctx, due[0], h.now); err != nil {
				h.t.Fatal(err)
			}
		},
		"with one wrapping key destroyed": func(h *harness, s *Service) {
			due, _ := s.due(ctx, h.now)
			if err := s.attend(ctx, due[0], h.now); err != nil {
				h.t.Fatal(err)
			}
			witness, err := h.service.witness(ctx)
			if err != nil {
				h.t.Fatal(err)
			}
			for id, err := range s.vault.files.List(ctx) {
				if id == witness {
					continue
				}
				if err == nil {
					err = s.vault.destroy(ctx, id)
				}
				if err != nil {
					h.t.Fatal(err)
				}
				break
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			_, blob := h.dying()
			until(h, h.again())
			h.service.vault = h.again().vault
			h.sweep()
			if n := h.wrappingKeys(); n != 0 {
				t.Errorf("%d wrapping keys are left", n)
			}
			_, err := try(h, h.root, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob})
			failsWith(t, err, "InvalidCiphertextException")
			left := 0
			err = h.DB.View(ctx, func(r store.Reader) error {
				for _, err := range erasures.Scan(r, nil, nil) {
					if err != nil {
						return err
					}
					left++
				}
				return nil
			})
			if err != nil || left != 0 {
				t.Errorf("%d erasures are left, %v", left, err)
			}
		})
	}
}

// Killed between the wrapping key and the transaction, a key that was not
// acknowledged is not there, and what it left protects nothing.
func TestCreationIsWholeOrNotThere(t *testing.T) {
	h := newHarness(t)
	row := &keyRow{Account: "123456789012", Region: "us-east-1", ID: newKeyID(false)}
	if _, err := h.again().vault.wrap(context.Background(), row.id(), newID(), randomBytes(32)); err != nil {
		t.Fatal(err)
	}
	if n := h.wrappingKeys(); n != 1 {
		t.Fatalf("%d wrapping keys", n)
	}
	if keys := do(h, t, api.OpListKeys, &api.ListKeysRequest{}).Keys; len(keys) != 0 {
		t.Errorf("there are keys: %v", keys)
	}
	h.sweep()
}

// What every refused call leaves behind: nothing.
func TestRefusedCreationLeavesNoWrappingKey(t *testing.T) {
	h := newHarness(t)
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}`
	_, err := try(h, h.root, api.OpCreateKey, &api.CreateKeyRequest{Policy: &open})
	failsWith(t, err, "GuardrailViolation")
	if n := h.wrappingKeys(); n != 0 {
		t.Errorf("%d wrapping keys are left", n)
	}
}

// An older copy of the store brings a destroyed key's rows back, and not the
// key: its wrapping key is in no copy of the store (docs/erasure.md).
func TestAnOlderStoreDoesNotBringAKeyBack(t *testing.T) {
	h := newHarness(t)
	id, _ := h.dying()
	var old []*materialRow
	var versions []version
	ctx, place := context.Background(), keyID{"123456789012", "us-east-1", *id}
	copyRows := func(r store.Reader) error {
		row, err := keys.Get(r, place.key())
		if err != nil {
			return err
		}
		versions = row.Versions
		for _, v := range versions {
			m, err := materials.Get(r, place.key(v.ID))
			if err != nil {
				return err
			}
			old = append(old, m)
		}
		return nil
	}
	if err := h.DB.View(ctx, copyRows); err != nil || len(old) != 2 {
		t.Fatal(old, err)
	}
	for i, v := range versions { // they do open while the key is there
		if _, err := h.service.vault.unwrap(ctx, place, v.ID, old[i]); err != nil {
			t.Fatal(err)
		}
	}
	h.sweep()
	for i, v := range versions {
		if raw, err := h.service.vault.unwrap(ctx, place, v.ID, old[i]); !errors.Is(err, blob.ErrNotFound) || raw != nil {
			t.Errorf("material %s of the older store opens: %v", v.ID, err)
		}
	}
	witness, err := h.service.witness(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(h.Dir+"/wrapping", func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != witness {
			t.Errorf("%s is left", strings.TrimPrefix(path, h.Dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Material that was changed on the disk, or moved to another key, is refused and
// reported, and is never used.
func TestChangedMaterialIsRefused(t *testing.T) {
	h := newHarness(t)
	a, b := h.key(&api.CreateKeyRequest{}), h.key(&api.CreateKeyRequest{})
	ctx := context.Background()
	rows := map[string]*materialRow{}
	place := func(id *string) store.Key {
		row := do(h, t, api.OpDescribeKey, &api.DescribeKeyRequest{KeyId: id}).KeyMetadata
		return store.K("123456789012", "us-east-1", *id, *row.CurrentKeyMaterialId)
	}
	put := func(at store.Key, row *materialRow) {
		if err := h.DB.Update(ctx, func(tx *store.Tx) error { return materials.Put(tx, at, row) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []*string{a, b} {
		err := h.DB.View(ctx, func(r store.Reader) (err error) {
			rows[*id], err = materials.Get(r, place(id))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	changed := *rows[*a]
	changed.Sealed = append([]byte(nil), changed.Sealed...)
	changed.Sealed[30] ^= 1
	for what, row := range map[string]*materialRow{"changed": &changed, "moved": rows[*b]} {
		put(place(a), row)
		_, err := try(h, h.root, api.OpEncrypt, &api.EncryptRequest{KeyId: a, Plaintext: []byte("x")})
		failsWith(t, err, "KeyUnavailableException")
		if h.service.Check(ctx) == nil {
			t.Errorf("%s material passes the check", what)
		}
	}
	put(place(a), rows[*a])
	do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: a, Plaintext: []byte("x")})
}

// What the sweeper does is in the audit log, once, as CloudTrail calls it.
func TestTheSweeperIsAudited(t *testing.T) {
	h := newHarness(t)
	id, _ := h.dying()
	rotated := h.key(&api.CreateKeyRequest{})
	do(h, t, api.OpEnableKeyRotation, &api.EnableKeyRotationRequest{KeyId: rotated, RotationPeriodInDays: ptr(int64(90))})
	h.now = h.now.AddDate(0, 0, 90)
	h.sweep()
	h.sweep()
	seen := map[string]int{}
	for entry, err := range audit.Read(context.Background(), h.Dir, h.Keys, 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		if entry.Principal.Service == "kms.amazonaws.com" {
			seen[entry.EventName+" "+string(entry.Request)]++
		}
	}
	want := map[string]int{}
	for event, key := range map[string]*string{"DeleteKey": id, "RotateKey": rotated} {
		want[event+` {"keyId":"arn:aws:kms:us-east-1:`+here+":key/"+*key+`"}`] = 1
	}
	if !maps.Equal(seen, want) {
		t.Errorf("the log has %v, not %v", seen, want)
	}
}
