package secretsmanager

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "cloister/internal/awsapi/secretsmanager"
)

// modelSecret is what a secret is by the documentation, in the simplest way.
type modelSecret struct {
	values  map[string]string // by version
	stages  map[string]string // version by stage
	deleted bool
}

func (m *modelSecret) move(stage, to string) {
	from := m.stages[stage]
	if from == to {
		return
	}
	m.stages[stage] = to
	if stage == current && from != "" {
		m.move(previous, from)
	}
}

// TestModel does what callers do, at random, to the service and to the model.
func TestModel(t *testing.T) {
	h := newHarness(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		id := fmt.Sprintf("s%d", round)
		var m *modelSecret
		token := func() string {
			return fmt.Sprintf("00000000-0000-0000-0000-%012d", rapid.IntRange(1, 5).Draw(t, "token"))
		}
		text := func() string { return rapid.SampledFrom([]string{"a", "b"}).Draw(t, "text") }
		expect := func(what string, err error, ok bool) {
			if (err == nil) != ok {
				t.Fatalf("%s: %v, though the model says %v", what, err, ok)
			}
		}
		put := func(token, text string, stages []string) bool {
			if have, ok := m.values[token]; ok {
				return have == text
			}
			m.values[token] = text
			for _, stage := range stages {
				m.move(stage, token)
			}
			return true
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				k, v := token(), text()
				_, err := try(h, h.root, api.OpCreateSecret, &api.CreateSecretRequest{Name: &id, SecretString: &v, ClientRequestToken: &k})
				if m != nil {
					expect("create again", err, !m.deleted && m.values[k] == v)
					return
				}
				expect("create", err, true)
				m = &modelSecret{map[string]string{k: v}, map[string]string{current: k}, false}
			},
			"put": func(t *rapid.T) {
				k, v := token(), text()
				stages := rapid.SampledFrom([][]string{{current}, {pending}, {"OTHER"}, {current, "OTHER"}}).Draw(t, "stages")
				_, err := try(h, h.root, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: &id, SecretString: &v, ClientRequestToken: &k, VersionStages: stages})
				expect("put", err, m != nil && !m.deleted && put(k, v, stages))
			},
			"move": func(t *rapid.T) {
				stage, from, to := rapid.SampledFrom([]string{current, pending, "OTHER"}).Draw(t, "stage"), token(), token()
				_, err := try(h, h.root, api.OpUpdateSecretVersionStage, &api.UpdateSecretVersionStageRequest{SecretId: &id, VersionStage: &stage, RemoveFromVersionId: &from, MoveToVersionId: &to})
				ok := m != nil && !m.deleted && m.stages[stage] == from
				if ok {
					_, ok = m.values[to]
				}
				expect("move", err, ok)
				if ok {
					m.move(stage, to)
				}
			},
			"delete": func(t *rapid.T) {
				_, err := try(h, h.root, api.OpDeleteSecret, &api.DeleteSecretRequest{SecretId: &id})
				expect("delete", err, m != nil && !m.deleted)
				if err == nil {
					m.deleted = true
				}
			},
			"restore": func(t *rapid.T) {
				_, err := try(h, h.root, api.OpRestoreSecret, &api.RestoreSecretRequest{SecretId: &id})
				expect("restore", err, m != nil)
				if m != nil {
					m.deleted = false
				}
			},
			"destroy": func(t *rapid.T) {
				_, err := try(h, h.root, api.OpDeleteSecret, &api.DeleteSecretRequest{SecretId: &id, ForceDeleteWithoutRecovery: ptr(true)})
				expect("destroy", err, true)
				m = nil
			},
			"": func(t *rapid.T) {
				h.check(t)
				for _, stage := range []string{current, previous, pending, "OTHER"} {
					got, err := try(h, h.root, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: &id, VersionStage: &stage})
					if m == nil || m.deleted || m.stages[stage] == "" {
						expect("get "+stage, err, false)
						continue
					}
					if err != nil || *got.SecretString != m.values[m.stages[stage]] || *got.VersionId != m.stages[stage] {
						t.Fatalf("%s is %v %v, by the model %s", stage, got, err, m.stages[stage])
					}
				}
			},
		})
	})
}

func TestPasswords(t *testing.T) {
	h := newHarness(t)
	rapid.Check(t, func(t *rapid.T) {
		in := &api.GetRandomPasswordRequest{
			PasswordLength: ptr(rapid.Int64Range(5, 80).Draw(t, "length")), ExcludeNumbers: ptr(rapid.Bool().Draw(t, "numbers")),
			ExcludePunctuation: ptr(rapid.Bool().Draw(t, "punctuation")), ExcludeUppercase: ptr(rapid.Bool().Draw(t, "upper")),
			ExcludeCharacters: ptr(rapid.StringMatching(`[a-z!"#0-5]{0,8}`).Draw(t, "excluded")), IncludeSpace: ptr(rapid.Bool().Draw(t, "space")),
		}
		password := *do(h, t, api.OpGetRandomPassword, in).RandomPassword
		if int64(len(password)) != *in.PasswordLength || strings.ContainsAny(password, *in.ExcludeCharacters) {
			t.Fatalf("%q for %+v", password, in)
		}
		kinds := passwordKinds(in)
		for _, k := range []string{lowercase, uppercase, numbers, punctuation, " "} {
			wanted := slices.ContainsFunc(kinds, func(have string) bool { return strings.ContainsAny(have, k) })
			if strings.ContainsAny(password, k) != wanted {
				t.Fatalf("%q: of %q", password, k)
			}
		}
	})
}

// Versions that nothing names are forgotten when there are many, but not on the
// day on which they were made.
func TestOldVersionsAreForgotten(t *testing.T) {
	h := newHarness(t)
	create(h, "s", "0")
	count := func() int {
		return len(do(h, t, api.OpListSecretVersionIds, &api.ListSecretVersionIdsRequest{SecretId: ptr("s"), IncludeDeprecated: ptr(true), MaxResults: ptr(int64(100))}).Versions)
	}
	for i := range maxVersions - 1 {
		do(h, t, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: ptr("s"), SecretString: ptr(fmt.Sprint(i))})
	}
	if n := count(); n != maxVersions {
		t.Errorf("%d versions", n)
	}
	h.pass(25 * time.Hour)
	for range 3 {
		do(h, t, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: ptr("s"), SecretString: ptr("x")})
	}
	if n := count(); n != maxVersions {
		t.Errorf("%d versions a day later", n)
	}
	h.check(t)
}

// A secret that was made again under its name has nothing of the other.
func TestMadeAgain(t *testing.T) {
	h := newHarness(t)
	first := create(h, "s", "one")
	do(h, t, api.OpDeleteSecret, &api.DeleteSecretRequest{SecretId: ptr("s"), ForceDeleteWithoutRecovery: ptr(true)})
	if second := create(h, "s", "two"); second == first {
		t.Error("the ARN is the same")
	}
	_, err := try(h, h.root, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: &first})
	wantCode(t, err, "ResourceNotFoundException")
}
