package lambda

import (
	"maps"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/policy"
)

// Two tags whose keys differ in case only would be one condition key, and one of
// them would decide by chance.
func TestTagKeysThatDifferInCaseOnlyAreRefused(t *testing.T) {
	h := newHarness(t)
	create := createRequest("f", "one")
	create.Tags = map[string]string{"Env": "dev", "env": "prod"}
	_, err := do(h, h.Root(), api.OpCreateFunction, create)
	wantRefused(t, err)

	create.Tags = map[string]string{"Env": "dev"}
	fn, err := do(h, h.Root(), api.OpCreateFunction, create)
	h.must(err)
	tag := func(tags map[string]string) error {
		_, err := do(h, h.Root(), api.OpTagResource, &api.TagResourceRequest{Resource: fn.FunctionArn, Tags: tags})
		return err
	}
	wantRefused(t, tag(map[string]string{"ENV": "prod"}))
	wantRefused(t, tag(map[string]string{"É": "1", "é": "2"}))
	h.must(tag(map[string]string{"Env": "prod", "other": "x"})) // the same key is a new value

	out, err := do(h, h.Root(), api.OpListTags, &api.ListTagsRequest{Resource: fn.FunctionArn})
	h.must(err)
	if want := map[string]string{"Env": "prod", "other": "x"}; !maps.Equal(out.Tags, want) {
		t.Errorf("tags %v, want %v", out.Tags, want)
	}
}

func wantRefused(t *testing.T, err error) {
	t.Helper()
	if e, ok := err.(*awsapi.Error); !ok || e.Code != "InvalidParameterValueException" || !strings.Contains(e.Message, "differ in case only") { //nolint:errorlint // the door gives it as it is
		t.Errorf("got %v", err)
	}
}

// A request is authorised before it is refused: what it is authorised by does
// not change from call to call.
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
