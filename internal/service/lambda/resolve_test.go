package lambda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	smapi "cloister/internal/awsapi/secretsmanager"
	ssmapi "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/service/lambda/invoke"
	"cloister/policy"
)

// keepers puts a Secrets Manager and a Parameter Store behind the door that the
// role works may read.
func (h *harness) keepers() {
	h.Users.Set(roleSession("works"), &policy.Policies{})
	h.Users.Set(roleSession("other"), &policy.Policies{})
	deny := func(c *door.Call) error {
		if c.Principal.RoleARN != goodRole {
			return awsapi.Errorf("AccessDenied", "not for %s", c.Principal.ARN)
		}
		return nil
	}
	door.Act(h.Door, smapi.OpGetSecretValue, door.SignedOnly[smapi.GetSecretValueRequest](), func(c *door.Call, in *smapi.GetSecretValueRequest) (*smapi.GetSecretValueResponse, error) {
		if err := deny(c); err != nil {
			return nil, err
		}
		switch *in.SecretId {
		case "plain":
			return &smapi.GetSecretValueResponse{SecretString: ptr("tiger " + val(in.VersionStage) + val(in.VersionId))}, nil
		case "app/json", "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/json-abcdef":
			return &smapi.GetSecretValueResponse{SecretString: ptr(`{"password":"lion","port":5432,"nul":"\u0000"}`)}, nil
		case "binary":
			return &smapi.GetSecretValueResponse{SecretBinary: []byte("x")}, nil
		case "broken":
			return nil, context.DeadlineExceeded
		}
		return nil, awsapi.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	})
	door.Act(h.Door, ssmapi.OpGetParameter, door.SignedOnly[ssmapi.GetParameterRequest](), func(c *door.Call, in *ssmapi.GetParameterRequest) (*ssmapi.GetParameterResult, error) {
		return &ssmapi.GetParameterResult{Parameter: &ssmapi.Parameter{Value: ptr(fmt.Sprint(*in.Name, " ", *in.WithDecryption))}}, deny(c)
	})
}

func resolveAs(h *harness, role, value string) (got string, confided []string, err error) {
	env, err := h.lambda.resolveReferences(context.Background(), roleSession(role), map[string]string{"X": value, "STAGE": "prod"})
	if err == nil && env.Variables["STAGE"] != "prod" {
		h.t.Error("another variable changed")
	}
	for _, secret := range env.Secrets {
		confided = append(confided, string(secret))
	}
	return env.Variables["X"], confided, err
}

func TestResolve(t *testing.T) {
	h := newHarness(t)
	h.keepers()
	for value, want := range map[string]string{
		"{{resolve:secretsmanager:plain}}":                                                                                                 "tiger ",
		"{{resolve:secretsmanager:plain:SecretString}}":                                                                                    "tiger ",
		"{{resolve:secretsmanager:plain:SecretString::AWSPREVIOUS}}":                                                                       "tiger AWSPREVIOUS",
		"{{resolve:secretsmanager:plain:SecretString:::00000000-0000-0000-0000-000000000001}}":                                             "tiger 00000000-0000-0000-0000-000000000001",
		"{{resolve:secretsmanager:app/json:SecretString:password}}":                                                                        "lion",
		"{{resolve:secretsmanager:app/json:SecretString:port}}":                                                                            "5432",
		"{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:123456789012:secret:app/json-abcdef:SecretString:password}}":            "lion",
		"postgres://u:{{resolve:secretsmanager:app/json:SecretString:password}}@h:{{resolve:secretsmanager:app/json:SecretString:port}}/d": "postgres://u:lion@h:5432/d",
		"{{resolve:ssm-secure:/app/token}}":                                                                                                "/app/token true",
		"{{resolve:ssm-secure:/app/token:3}}":                                                                                              "/app/token:3 true",
		"{{resolve:ssm:host}}":                                                                                                             "host true",
		"no reference":                                                                                                                     "no reference",
		"{{other}}":                                                                                                                        "{{other}}",
	} {
		got, confided, err := resolveAs(h, "works", value)
		if err != nil || got != want {
			t.Errorf("%s is %q, %v", value, got, err)
		}
		if got != value && !slices.ContainsFunc(confided, func(s string) bool { return strings.Contains(want, s) }) {
			t.Errorf("%s: confided %q", value, confided)
		}
	}
}

// What cannot be resolved is the function's failure, which says the variable and
// nothing of a secret.
func TestUnresolved(t *testing.T) {
	h := newHarness(t)
	h.keepers()
	for _, value := range []string{
		"{{resolve:secretsmanager:none}}", "{{resolve:secretsmanager:}}", "{{resolve:secretsmanager:plain:SecretBinary}}",
		"{{resolve:secretsmanager:plain:SecretString:key}}", "{{resolve:secretsmanager:app/json:SecretString:none}}",
		"{{resolve:secretsmanager:binary}}", "{{resolve:secretsmanager:app/json:SecretString:nul}}", "{{resolve:secretsmanager:arn:aws}}",
		"{{resolve:ssm-secure:a:b}}", "{{resolve:ssm-secure:}}", "{{resolve:kms:x}}", "{{resolve:secretsmanager", "{{resolve:}}", "{{resolve:secretsmanager:a:b:c:d:e:f}}",
	} {
		_, _, err := resolveAs(h, "works", value)
		var bad *invoke.UnresolvedError
		if !errors.As(err, &bad) || !strings.Contains(bad.Reason, "The variable X ") || strings.Contains(bad.Reason, "tiger") || strings.Contains(bad.Reason, "lion") {
			t.Errorf("%s: %v", value, err)
		}
	}
	_, _, err := resolveAs(h, "other", "{{resolve:secretsmanager:plain}}")
	var bad *invoke.UnresolvedError
	if !errors.As(err, &bad) || !strings.Contains(bad.Reason, "AccessDenied") {
		t.Errorf("with a role that may not: %v", err)
	}
	if _, _, err = resolveAs(h, "works", "{{resolve:secretsmanager:broken}}"); err == nil || errors.As(err, &bad) {
		t.Errorf("a failure of the platform: %v", err)
	}
}

func FuzzReferences(f *testing.F) {
	f.Add("{{resolve:secretsmanager:a:SecretString:b}}")
	f.Fuzz(func(t *testing.T, text string) {
		id, options := cutSecretID(text)
		if id != "" && strings.Join(append([]string{id}, options...), ":") != text {
			t.Errorf("%q is cut into %q and %q", text, id, options)
		}
	})
}
