package secretsapi

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloister/internal/awsapi"
	secrets "cloister/internal/awsapi/secretsmanager"
	parameters "cloister/internal/awsapi/ssm"
)

// source answers what it was asked, and counts.
type source struct {
	asked int
	err   error
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func (s *source) Secret(_ context.Context, in *secrets.GetSecretValueRequest) (*secrets.GetSecretValueResponse, error) {
	s.asked++
	value := fmt.Sprintf("%s/%s/%s#%d", text(in.SecretId), text(in.VersionId), text(in.VersionStage), s.asked)
	return &secrets.GetSecretValueResponse{Name: in.SecretId, SecretString: &value}, s.err
}

func (s *source) Parameter(_ context.Context, in *parameters.GetParameterRequest) (*parameters.GetParameterResult, error) {
	s.asked++
	if s.err != nil {
		return nil, s.err
	}
	value := fmt.Sprintf("%s/%t#%d", text(in.Name), *in.WithDecryption, s.asked)
	return &parameters.GetParameterResult{Parameter: &parameters.Parameter{Name: in.Name, Value: &value}}, nil
}

func ask(e *Endpoint, method, target, token string) (int, string) {
	r := httptest.NewRequest(method, target, nil)
	if token != "" {
		r.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestAnswers(t *testing.T) {
	denied := awsapi.Errorf("AccessDenied", "User is not authorized")
	for _, c := range []struct {
		name, method, target, token string
		err                         error
		status                      int
		want                        string
	}{
		{"a secret", "GET", "/secretsmanager/get?secretId=db", "t", nil, 200, `"SecretString":"db//#1"`},
		{"a version of it", "GET", "/secretsmanager/get?secretId=arn%3Aaws%3Ax&versionId=v&versionStage=AWSPREVIOUS", "t", nil, 200, `"SecretString":"arn:aws:x/v/AWSPREVIOUS#1"`},
		{"as the extension writes it", "GET", "/secretsmanager/get?secretId=db", "t", nil, 200, `"ResultMetadata":{}`},
		{"a parameter", "GET", "/systemsmanager/parameters/get?name=%2Fa%2Fb&withDecryption=true", "t", nil, 200, `"Value":"/a/b/true#1"`},
		{"with a slash", "GET", "/systemsmanager/parameters/get/?name=a", "t", nil, 200, `"Value":"a/false#1"`},
		{"a version of it", "GET", "/systemsmanager/parameters/get?name=a&version=3", "t", nil, 200, `"Value":"a:3/false#1"`},
		{"a label of it", "GET", "/systemsmanager/parameters/get?name=a&label=prod", "t", nil, 200, `"Value":"a:prod/false#1"`},
		{"no token", "GET", "/secretsmanager/get?secretId=db", "", nil, 401, "UnauthorizedException"},
		{"another token", "GET", "/secretsmanager/get?secretId=db", "u", nil, 401, "UnauthorizedException"},
		{"another method", "POST", "/secretsmanager/get?secretId=db", "t", nil, 405, "Use GET"},
		{"another path", "GET", "/secretsmanager/put", "t", nil, 404, "There are"},
		{"no secret", "GET", "/secretsmanager/get", "t", nil, 400, "secretId is missing"},
		{"no name", "GET", "/systemsmanager/parameters/get", "t", nil, 400, "name is missing"},
		{"both", "GET", "/systemsmanager/parameters/get?name=a&version=1&label=b", "t", nil, 400, "not both"},
		{"no boolean", "GET", "/systemsmanager/parameters/get?name=a&withDecryption=perhaps", "t", nil, 400, "must be true or false"},
		{"no query", "GET", "/secretsmanager/get?secretId=%zz", "t", nil, 400, "cannot be read"},
		{"denied", "GET", "/secretsmanager/get?secretId=db", "t", denied, 400, `"AccessDeniedException"`},
		{"a parameter denied", "GET", "/systemsmanager/parameters/get?name=a", "t", denied, 400, `"User is not authorized"`},
		{"the platform's trouble", "GET", "/secretsmanager/get?secretId=db", "t", fmt.Errorf("secret detail"), 500, "The request failed."},
	} {
		e := New(&source{err: c.err}, "t", SettingsOf(nil))
		status, body := ask(e, c.method, c.target, c.token)
		if status != c.status || !strings.Contains(body, c.want) || strings.Contains(body, "secret detail") {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
	if status, _ := ask(New(&source{}, "", SettingsOf(nil)), "GET", "/secretsmanager/get?secretId=db", ""); status != http.StatusUnauthorized {
		t.Errorf("a cell without a token answers %d", status)
	}
}

func TestAnswersAreRememberedForAWhile(t *testing.T) {
	for _, c := range []struct {
		name      string
		variables map[string]string
		asked     int // after two questions, two minutes, two and, five more minutes later, one
	}{
		{"by default", nil, 2},
		{"a shorter time", map[string]string{"SECRETS_MANAGER_TTL": "60"}, 3},
		{"not at all", map[string]string{"SECRETS_MANAGER_TTL": "0"}, 5},
		{"switched off", map[string]string{"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED": "false"}, 5},
		{"a size of nothing", map[string]string{"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE": "0"}, 5},
		{"a time beyond AWS's", map[string]string{"SECRETS_MANAGER_TTL": "86400"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{}
				e := New(s, "t", SettingsOf(c.variables))
				for _, pause := range []time.Duration{0, 2 * time.Minute, 0, 5 * time.Minute, 0} {
					if status, _ := ask(e, "GET", "/secretsmanager/get?secretId=db", "t"); status != 200 {
						t.Fatal(status)
					}
					time.Sleep(pause)
				}
				if s.asked != c.asked {
					t.Errorf("asked %d times, want %d", s.asked, c.asked)
				}
			})
		})
	}
}

func TestWhatIsRememberedIsWhatWasAsked(t *testing.T) {
	s := &source{}
	e := New(s, "t", SettingsOf(map[string]string{"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE": "2"}))
	for _, c := range []struct {
		target string
		asked  int
	}{
		{"/secretsmanager/get?secretId=a", 1},
		{"/secretsmanager/get?secretId=a&versionStage=AWSPREVIOUS", 2},
		{"/secretsmanager/get?versionStage=AWSPREVIOUS&secretId=a", 2},
		{"/secretsmanager/get?secretId=a&refreshNow=true", 3},
		{"/secretsmanager/get?secretId=a", 3},
		{"/systemsmanager/parameters/get?name=a", 4}, // makes the oldest go
		{"/secretsmanager/get?secretId=a", 4},
		{"/secretsmanager/get?secretId=a&versionStage=AWSPREVIOUS", 5},
	} {
		if status, body := ask(e, "GET", c.target, "t"); status != 200 || s.asked != c.asked {
			t.Errorf("%s: %d %s, asked %d times and not %d", c.target, status, body, s.asked, c.asked)
		}
	}
	s.err = awsapi.Errorf("AccessDenied", "no")
	_, _ = ask(e, "GET", "/secretsmanager/get?secretId=denied", "t")
	s.err = nil
	if status, _ := ask(e, "GET", "/secretsmanager/get?secretId=denied", "t"); status != 200 {
		t.Errorf("a refusal is remembered: %d", status)
	}
}

func TestSettings(t *testing.T) {
	for port, want := range map[string]int{"": Port, "3000": 3000, "80": Port, "nonsense": Port, "70000": Port} {
		if got := SettingsOf(map[string]string{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port}).Port; got != want {
			t.Errorf("port %q: %d", port, got)
		}
	}
}

// large answers with the largest secret that there is.
type large struct{ source }

func (l *large) Secret(_ context.Context, in *secrets.GetSecretValueRequest) (*secrets.GetSecretValueResponse, error) {
	value := strings.Repeat("s", 65536)
	return &secrets.GetSecretValueResponse{Name: in.SecretId, SecretString: &value}, nil
}

// A function chooses what it asks, and so how often the node remembers the same
// secret: a query may hold anything.
func TestACellCannotFillTheNodesMemory(t *testing.T) {
	e := New(&large{}, "t", SettingsOf(nil))
	for i := range 1000 {
		target := fmt.Sprintf("/secretsmanager/get?secretId=db&x=%d", i)
		if status, _ := ask(e, "GET", target, "t"); status != 200 {
			t.Fatal(status)
		}
	}
	bytes := 0
	for key, answer := range e.cache.answers {
		bytes += len(key) + len(answer.body)
	}
	if bytes > maxBytes || bytes != e.cache.bytes {
		t.Errorf("%d bytes are remembered, counted as %d, of at most %d", bytes, e.cache.bytes, maxBytes)
	}
	if body := e.cache.get("secret?secretId=db&x=999"); body == nil {
		t.Error("the last answer is not remembered")
	}
}
