package lambda

import (
	"context"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door/doortest"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
)

// oldRuntimes has a runtime that nobody supports any more.
type oldRuntimes struct{ fakeRuntimes }

func (oldRuntimes) Ready(string) bool { return true }

// setMode sets every guardrail.
func (h *harness) setMode(mode guardrail.Mode) {
	h.t.Helper()
	h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error {
		for _, rule := range guardrail.Rules() {
			if err := guardrail.Set(tx, doortest.Account, rule.ID, &guardrail.Setting{Mode: mode}); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (h *harness) active() (rules []string) {
	h.t.Helper()
	h.must(h.view(func(r store.Reader) error {
		found, _, err := guardrail.Findings(r, doortest.Account, guardrail.Active, "", 100)
		for _, f := range found {
			rules = append(rules, f.Rule)
		}
		return err
	}))
	return rules
}

func wantViolation(t *testing.T, err error, rule string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), "GuardrailViolation: "+rule+": ") {
		t.Errorf("want a violation of %s: %v", rule, err)
	}
}

func TestUnsupportedRuntimeIsRefused(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.Runtimes = oldRuntimes{} })
	in := createRequest("f", "hello")
	in.Runtime = awsapi.Ptr("nodejs20.x")
	_, err := do(h, h.Root(), api.OpCreateFunction, in)
	wantViolation(t, err, guardrail.OldRuntime)
	if !strings.Contains(err.Error(), "2026-04-30") {
		t.Errorf("it does not say since when: %v", err)
	}
	if _, err := do(h, h.Root(), api.OpGetFunctionConfiguration, &api.GetFunctionConfigurationRequest{FunctionName: ptr("f")}); err == nil {
		t.Error("the function was made")
	}
	h.create("g", "hello")
	change := &api.UpdateFunctionConfigurationRequest{FunctionName: ptr("g"), Runtime: ptr("nodejs20.x")}
	_, err = do(h, h.Root(), api.OpUpdateFunctionConfiguration, change)
	wantViolation(t, err, guardrail.OldRuntime)

	h.setMode(guardrail.Warn)
	_, err = do(h, h.Root(), api.OpUpdateFunctionConfiguration, change)
	h.must(err)
	if found := h.active(); len(found) != 1 || found[0] != guardrail.OldRuntime {
		t.Errorf("found %v", found)
	}
	h.setMode(guardrail.Enforce)
	_, err = do(h, h.Root(), api.OpUpdateFunctionCode, &api.UpdateFunctionCodeRequest{FunctionName: ptr("g"), ZipFile: zipOf("more")})
	wantViolation(t, err, guardrail.OldRuntime)
	_, err = do(h, h.Root(), api.OpDeleteFunction, &api.DeleteFunctionRequest{FunctionName: ptr("g")})
	h.must(err)
	if found := h.active(); len(found) != 0 {
		t.Errorf("still found %v", found)
	}
}

func TestAdministratorsRoleIsRefused(t *testing.T) {
	h := newHarness(t)
	h.create("g", "hello")
	trust := `{"Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`
	h.setMode(guardrail.Off)
	h.roleState(trust, true)
	h.setMode(guardrail.Enforce)
	_, err := do(h, h.Root(), api.OpCreateFunction, createRequest("f", "hello"))
	wantViolation(t, err, guardrail.AdministratorRole)
	_, err = do(h, h.Root(), api.OpUpdateFunctionConfiguration, &api.UpdateFunctionConfigurationRequest{FunctionName: ptr("g"), Role: ptr(goodRole)})
	wantViolation(t, err, guardrail.AdministratorRole)
	h.roleState(trust, false)
	h.create("f", "hello")
}

// roleState is what IAM tells the guardrails of goodRole.
func (h *harness) roleState(trust string, administrator bool) {
	h.t.Helper()
	p, err := policy.Parse(policy.KindTrust, []byte(trust))
	h.must(err)
	h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error {
		return h.config.Guardrails.RoleState(tx, &guardrail.Subject{Account: doortest.Account, Resource: goodRole}, administrator, p)
	}))
}

// aSecret is put together here so that this file has none.
var aSecret = "ghp_" + "x9Yb2KfLq0Zr7Tw4Vc1Nd8Ms5Jh3Gp6RaUeQ"

// wantNoSecret fails if what a caller or an administrator is told has it.
func (h *harness) wantNoSecret(what, text string) {
	h.t.Helper()
	if strings.Contains(text, aSecret[4:16]) {
		h.t.Errorf("%s has the secret: %s", what, text)
	}
}

func TestSecretsInTheEnvironmentAreRefused(t *testing.T) {
	h := newHarness(t)
	h.create("g", "hello")
	environment := &api.Environment{Variables: map[string]string{"DB_PASSWORD": "tiger", "CONFIG": aSecret, "STAGE": "prod"}}
	in := createRequest("f", "hello")
	in.Environment = environment
	_, err := do(h, h.Root(), api.OpCreateFunction, in)
	wantViolation(t, err, guardrail.EnvironmentSecret)
	if !strings.Contains(err.Error(), "CONFIG (github-pat), DB_PASSWORD (credential-name). Move it into Secrets Manager (cloister secrets put ") || strings.Contains(err.Error(), "tiger") {
		t.Errorf("the refusal is %v", err)
	}
	h.wantNoSecret("the refusal", err.Error())
	update := &api.UpdateFunctionConfigurationRequest{FunctionName: ptr("g"), Environment: environment}
	_, err = do(h, h.Root(), api.OpUpdateFunctionConfiguration, update)
	wantViolation(t, err, guardrail.EnvironmentSecret)

	h.setMode(guardrail.Warn)
	_, err = do(h, h.Root(), api.OpUpdateFunctionConfiguration, update)
	h.must(err)
	if found := h.active(); len(found) != 1 || found[0] != guardrail.EnvironmentSecret {
		t.Errorf("found %v", found)
	}
	h.findingsHaveNoSecret()
	update.Environment = &api.Environment{Variables: map[string]string{"SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:x"}}
	_, err = do(h, h.Root(), api.OpUpdateFunctionConfiguration, update)
	h.must(err)
	if found := h.active(); len(found) != 0 {
		t.Errorf("still found %v", found)
	}
	h.setMode(guardrail.Off)
	_, err = do(h, h.Root(), api.OpCreateFunction, in)
	h.must(err)
}

func (h *harness) findingsHaveNoSecret() {
	h.t.Helper()
	h.must(h.view(func(r store.Reader) error {
		found, _, err := guardrail.Findings(r, doortest.Account, "", "", 100)
		for _, f := range found {
			h.wantNoSecret("the finding", f.Text)
		}
		return err
	}))
}

func TestSecretsInCodeAndLayersAreRefused(t *testing.T) {
	h := newHarness(t)
	code := "import os\n\ntoken = '" + aSecret + "'\n"
	h.create("g", "hello")
	_, err := do(h, h.Root(), api.OpCreateFunction, createRequest("f", code))
	wantViolation(t, err, guardrail.CodeSecret)
	if !strings.Contains(err.Error(), "m.py line 3 (github-pat)") {
		t.Errorf("it does not say where: %v", err)
	}
	h.wantNoSecret("the refusal", err.Error())
	update := &api.UpdateFunctionCodeRequest{FunctionName: ptr("g"), ZipFile: zipOf(code)}
	_, err = do(h, h.Root(), api.OpUpdateFunctionCode, update)
	wantViolation(t, err, guardrail.CodeSecret)
	layer := &api.PublishLayerVersionRequest{LayerName: ptr("l"), Content: &api.LayerVersionContentInput{ZipFile: zipOf(code)}}
	_, err = do(h, h.Root(), api.OpPublishLayerVersion, layer)
	wantViolation(t, err, guardrail.LayerSecret)

	h.setMode(guardrail.Warn)
	_, err = do(h, h.Root(), api.OpUpdateFunctionCode, update)
	h.must(err)
	_, err = do(h, h.Root(), api.OpPublishLayerVersion, layer)
	h.must(err)
	if found := h.active(); len(found) != 2 {
		t.Errorf("found %v", found)
	}
	h.findingsHaveNoSecret()
	h.setMode(guardrail.Enforce)
	_, err = do(h, h.Root(), api.OpUpdateFunctionConfiguration, &api.UpdateFunctionConfigurationRequest{FunctionName: ptr("g"), Timeout: ptr(int64(9))})
	h.must(err)
	_, err = do(h, h.Root(), api.OpUpdateFunctionCode, &api.UpdateFunctionCodeRequest{FunctionName: ptr("g"), ZipFile: zipOf("clean")})
	h.must(err)
	_, err = do(h, h.Root(), api.OpDeleteLayerVersion, &api.DeleteLayerVersionRequest{LayerName: ptr("l"), VersionNumber: ptr(int64(1))})
	h.must(err)
	if found := h.active(); len(found) != 0 {
		t.Errorf("still found %v", found)
	}
}

func TestAFunctionMayBeExemptFromSecrets(t *testing.T) {
	h := newHarness(t)
	h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error {
		return guardrail.Set(tx, doortest.Account, guardrail.CodeSecret, &guardrail.Setting{Mode: guardrail.Enforce, Exempt: []string{"arn:aws:lambda:us-east-1:" + doortest.Account + ":function:f"}})
	}))
	h.create("f", "t = '"+aSecret+"'")
	_, err := do(h, h.Root(), api.OpCreateFunction, createRequest("g", "t = '"+aSecret+"'"))
	wantViolation(t, err, guardrail.CodeSecret)
}
