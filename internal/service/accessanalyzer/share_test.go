package accessanalyzer

import (
	"context"
	"fmt"
	"testing"

	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/store"
)

// What cannot be read of one account leaves no other without findings.
func TestScansOfOthersGoOn(t *testing.T) {
	h := newHarness(t)
	h.broken = "000000000001" // its analyzer comes first
	if err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
		a := &analyzer{Account: h.broken, Region: "us-east-1", Name: "a", Type: externalAccess, Created: h.now}
		return analyzers.Insert(tx, a.key(), a)
	}); err != nil {
		t.Fatal(err)
	}
	arn := h.analyzer(externalAccess)
	h.resources["arn:aws:lambda:us-east-1:123456789012:function:f"] = `{"Statement":{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"lambda:InvokeFunction","Resource":"*"}}`
	if err := h.service.Scan(context.Background(), h.now); err == nil {
		t.Error("nobody is told of what failed")
	}
	out, code := do(t, h.Harness, api.OpListFindings, &api.ListFindingsRequest{AnalyzerArn: arn})
	if code != "" || len(out.Findings) != 1 {
		t.Errorf("%s: %d findings", code, len(out.Findings))
	}
}

// Regions are the caller's to name: analyzers are counted over all of them.
func TestAnalyzersAreBounded(t *testing.T) {
	h := newHarness(t)
	c := &door.Call{Account: "123456789012"}
	err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
		for i := range mostAnalyzers {
			a := &analyzer{Account: c.Account, Region: fmt.Sprintf("region-%d", i), Name: "a", Type: externalAccess, Created: h.now}
			if err := only(tx, a); err != nil {
				return err
			}
			if err := analyzers.Insert(tx, a.key(), a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	kind := externalAccess
	if _, code := do(t, h.Harness, api.OpCreateAnalyzer, &api.CreateAnalyzerRequest{AnalyzerName: &kind, Type: &kind}); code != "ServiceQuotaExceededException" {
		t.Errorf("one more: %q", code)
	}
}
