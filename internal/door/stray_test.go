package door_test

import (
	"net/http"
	"strings"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	sts "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// TestFunctionsCredentialsWorkInTheirCellsOnly: whatever its policies allow.
func TestFunctionsCredentialsWorkInTheirCellsOnly(t *testing.T) {
	const function = "arn:aws:lambda:us-east-1:123456789012:function:f"
	s := newStage(t)
	front(s, openRoute)
	thief := s.Role("r", "f", allow("*"))
	thief.Cell = function
	key := s.Key(thief, &sts.Service)
	from := func(cell string) *http.Request {
		r := s.Sign(getCallerIdentity(), key)
		if cell != "" {
			r = r.WithContext(door.WithinPlatform(r.Context(), door.Inside{From: cell}))
		}
		return r
	}
	for cell, status := range map[string]int{
		function + ":$LATEST": 200, function + ":7": 200,
		"": 403, function + "x:1": 403, "arn:aws:lambda:us-east-1:123456789012:function:g:1": 403,
		"arn:aws:lambda:us-east-1:999999999999:function:f:1": 403,
	} {
		w := s.Serve(from(cell))
		if w.Code != status {
			t.Errorf("from %q: %d %s", cell, w.Code, w.Body)
		}
		rec := lastRecord(t, s)
		if refused := rec.Outcome == audit.Denied; refused != (status == 403) || rec.Principal.ARN != thief.ARN {
			t.Errorf("from %q the audit log has %s by %s", cell, rec.Outcome, rec.Principal.ARN)
		}
	}

	r := s.Sign(toFront("GET", "/open"), s.Key(thief, &awsapi.Service{SigningName: "execute-api"}))
	if got := enter(t, s, r, ""); got != http.StatusForbidden {
		t.Errorf("at a front: %d", got)
	}

	var found []*guardrail.Finding
	err := s.DB.View(t.Context(), func(r store.Reader) (err error) {
		found, _, err = guardrail.Findings(r, "123456789012", guardrail.Active, "", 10)
		return err
	})
	if err != nil || len(found) != 1 || found[0].Rule != guardrail.StrayCredentials || found[0].Resource != function || !strings.Contains(found[0].Text, thief.AccessKeyID) {
		t.Errorf("the findings are %+v, %v", found, err)
	}
}

// A bad signature proves nothing, so it makes no finding.
func TestNoFindingWithoutASignature(t *testing.T) {
	s := newStage(t)
	thief := s.Role("r", "f", allow("*"))
	thief.Cell = "arn:aws:lambda:us-east-1:123456789012:function:f"
	r := s.Sign(getCallerIdentity(), s.Key(thief, &sts.Service))
	r.Header.Set("Authorization", r.Header.Get("Authorization")[:len(r.Header.Get("Authorization"))-4]+"0000")
	if w := s.Serve(r); w.Code != 403 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	err := s.DB.View(t.Context(), func(r store.Reader) error {
		found, _, err := guardrail.Findings(r, "123456789012", "", "", 10)
		if len(found) != 0 {
			t.Errorf("the findings are %+v", found)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
