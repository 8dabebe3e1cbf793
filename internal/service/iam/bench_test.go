package iam

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	api "cloister/internal/awsapi/iam"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
)

// BenchmarkPrincipals measures what a principal takes of the heap once it has
// made a call: what binds it, and its access key. "shared" principals have the
// same two managed policies and a tag, as those of a team do; "own" have an
// inline policy of their own besides. One run is as many principals as -benchtime says: 100000x.
func BenchmarkPrincipals(b *testing.B) {
	for _, own := range []bool{false, true} {
		name := "shared"
		if own {
			name = "own"
		}
		b.Run(name, func(b *testing.B) {
			h := newHarness(b)
			h.iam.cache.capacity = b.N + 1
			h.manage()
			ids := h.people(b, own)
			before := heap()
			b.ResetTimer()
			for _, id := range ids {
				k, err := h.iam.Credential(context.Background(), "AKIA"+id, "")
				if err != nil {
					b.Fatal(err)
				}
				if ps, ok := h.iam.Policies(k.Principal); !ok || len(ps.Identity) < 2 {
					b.Fatal("a principal has not its policies")
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(heap()-before)/float64(b.N), "B/principal")
			runtime.KeepAlive(h)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

const teamPolicies = 2

func teamARN(i int) string { return fmt.Sprintf("arn:aws:iam::%s:policy/team%d", doortest.Account, i) }

func (h *harness) manage() {
	for i := range teamPolicies {
		do(h, h.root(), api.OpCreatePolicy, &api.CreatePolicyRequest{PolicyName: str(fmt.Sprintf("team%d", i)), PolicyDocument: str(teamPolicy(i))})
	}
}

func teamPolicy(i int) string {
	var all []string
	for s := range 5 {
		all = append(all, fmt.Sprintf(`{"Effect":"Allow","Action":["lambda:Get*","lambda:Invoke%d"],"Resource":"arn:aws:lambda:*:*:function:team-%d-*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}`, s, i))
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(all, ",") + `]}`
}

// people makes b.N users, a thousand in a transaction.
func (h *harness) people(b *testing.B, own bool) []string {
	var ids []string
	for len(ids) < b.N {
		err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
			for range min(1000, b.N-len(ids)) {
				u := user{Entity: Entity{
					Account: doortest.Account, Path: "/", Name: fmt.Sprintf("user-%d", len(ids)), ID: fmt.Sprintf("AIDA%016d", len(ids)),
					Attached: []string{teamARN(0), teamARN(1)},
				}, Tags: []Tag{{"team", "red"}}}
				if own {
					u.Inline = []Document{{"own", fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::home/%s/*"}}`, u.Name)}}
				}
				if err := errors.Join(userKind.put(tx, &u), adjust(tx, u.Account, userKind.count, 1, "", b.N)); err != nil { // past the quota
					return err
				}
				key := accessKey{Account: u.Account, ID: "AKIA" + u.ID, UserID: u.ID, Secret: h.iam.root.Secret}
				if err := accessKeys.Put(tx, store.K(key.ID), &key); err != nil {
					return err
				}
				ids = append(ids, u.ID)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return ids
}
