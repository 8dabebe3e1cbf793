package guardrail

import (
	"testing"

	kms "cloister/internal/awsapi/kms"
	"cloister/policy"
)

// TestOpenKey reads testdata/openkey.txt: a comment, a key policy's statements,
// and after an arrow what strangers may do, or "no".
func TestOpenKey(t *testing.T) {
	g := New(&kms.Service)
	key := Subject{Account: account, Resource: "arn:aws:kms:us-east-1:" + account + ":key/k", Time: now}
	facts := policy.MapContext{"kms:keyspec": {"SYMMETRIC_DEFAULT"}}
	eachCase(t, "testdata/openkey.txt", func(t *testing.T, statements string) string {
		action, open := g.opensKey(&key, parse(t, policy.KindResource, `{"Version":"2012-10-17","Statement":[`+statements+`]}`), facts)
		if !open {
			return "no"
		}
		return action
	})
}
