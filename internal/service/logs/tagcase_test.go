package logs

import (
	"strings"
	"testing"

	"cloister/policy"
)

// A request is authorised before its tags are refused: what it is authorised by
// does not change from call to call.
func TestTagsMakeTheSameContextEveryTime(t *testing.T) {
	tags := map[string]string{"ENV": "1", "Env": "2", "eNv": "3", "env": "4"}
	for range 100 {
		context := policy.MapContext{}
		addRequestTags(context, tags)
		if got := context["aws:requesttag/env"]; len(got) != 1 || got[0] != "4" {
			t.Fatalf("the value is %v", got)
		}
		if got := strings.Join(context["aws:tagkeys"], " "); got != "ENV Env eNv env" {
			t.Fatalf("the keys are %s", got)
		}
	}
}
