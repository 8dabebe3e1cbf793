package platform

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cloister/internal/awsapi"
)

// TestEveryOperationSpeaks: each operation's types and tables agree, so that a
// request is recognised and decoded and an answer is written.
func TestEveryOperationSpeaks(t *testing.T) {
	router := awsapi.NewRouter(&Service)
	for _, op := range Service.Operations {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("X-Amz-Target", TargetPrefix+"."+op.Name)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		match, err := router.Recognise(r, Name, nil)
		if err != nil || match.Operation != op {
			t.Fatalf("%s is not recognised: %v", op.Name, err)
		}
	}
	if !slices.IsSortedFunc(Service.Operations, func(a, b *awsapi.Operation) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the operations are not sorted")
	}
}

func TestExplainOnTheWire(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("X-Amz-Target", "Cloister.Explain")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	match, unknown := awsapi.NewRouter(&Service).Recognise(r, Name, nil)
	if unknown != nil {
		t.Fatal(unknown)
	}
	in := new(ExplainRequest)
	if err := match.Decode(r, []byte(`{"Principal":"arn:x","Context":{"aws:SourceIp":["10.0.0.1"]}}`), in); err != nil {
		t.Fatal(err)
	}
	if *in.Principal != "arn:x" || in.Context["aws:SourceIp"][0] != "10.0.0.1" || in.RequestID != nil {
		t.Errorf("decoded %+v", in)
	}
	w := httptest.NewRecorder()
	err := match.Encode(w, "id", &ExplainResponse{Explanations: []Explanation{{
		Allowed: true, DecidedBy: &StatementRef{Policy: "p", Line: 3}, Steps: []Step{{Layer: "l", Policies: []PolicyTrace{}}},
	}}})
	if err != nil || !strings.Contains(w.Body.String(), `"DecidedBy":{"Policy":"p","Statement":0,"Sid":"","Line":3}`) {
		t.Errorf("%v: %s", err, w.Body)
	}
	short := ""
	if err := awsapi.Validate(OpExplain.Operation, &ExplainRequest{Action: &short}); err == nil {
		t.Error("an empty action is taken")
	}
}
