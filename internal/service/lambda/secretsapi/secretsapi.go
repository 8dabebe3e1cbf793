// Package secretsapi answers, inside cells, the HTTP interface of the AWS
// Parameters and Secrets Lambda Extension
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html,
// https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-integration-lambda-extensions.html):
// code that reads its secrets from localhost:2773 runs unchanged, and needs no
// layer. What was read is remembered for a while, for one cell, in the node.
package secretsapi

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"cloister/internal/awsapi"
	secrets "cloister/internal/awsapi/secretsmanager"
	parameters "cloister/internal/awsapi/ssm"
)

// Port is where functions expect the interface.
const Port = 2773

// tokenHeader carries the cell's own session token, which a web page or another
// program that can only make requests does not know.
const tokenHeader = "X-Aws-Parameters-Secrets-Token"

// Source reads with the permissions of the cell's function.
type Source interface {
	Secret(ctx context.Context, in *secrets.GetSecretValueRequest) (*secrets.GetSecretValueResponse, error)
	Parameter(ctx context.Context, in *parameters.GetParameterRequest) (*parameters.GetParameterResult, error)
}

// Endpoint is the interface in one cell. It is safe for concurrent use.
type Endpoint struct {
	source   Source
	token    string
	settings Settings
	cache    *cache
}

// New makes the interface of a cell with that session token.
func New(source Source, token string, s Settings) *Endpoint {
	return &Endpoint{source: source, token: token, settings: s, cache: newCache(s.CacheSize)}
}

// ServeHTTP answers GET /secretsmanager/get and /systemsmanager/parameters/get.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := e.answer(r)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status, text := failure(err)
		w.WriteHeader(status)
		_, _ = w.Write(text)
		return
	}
	_, _ = w.Write(body)
}

func (e *Endpoint) answer(r *http.Request) ([]byte, error) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(e.token)) != 1 || e.token == "" {
		return nil, refused(http.StatusUnauthorized, "UnauthorizedException", "The header "+tokenHeader+" must hold the function's AWS_SESSION_TOKEN.")
	}
	if r.Method != http.MethodGet {
		return nil, refused(http.StatusMethodNotAllowed, "MethodNotAllowedException", "Use GET.")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("The query cannot be read.")
	}
	switch r.URL.Path {
	case "/secretsmanager/get":
		return e.secret(r.Context(), query)
	case "/systemsmanager/parameters/get", "/systemsmanager/parameters/get/":
		return e.parameter(r.Context(), query)
	}
	return nil, refused(http.StatusNotFound, "NotFoundException", "There are /secretsmanager/get and /systemsmanager/parameters/get.")
}

// secretAnswer is what Secrets Manager answered, as the extension writes it.
type secretAnswer struct {
	*secrets.GetSecretValueResponse
	ResultMetadata struct{}
}

func (e *Endpoint) secret(ctx context.Context, query url.Values) ([]byte, error) {
	in := &secrets.GetSecretValueRequest{SecretId: given(query, "secretId"), VersionId: given(query, "versionId"), VersionStage: given(query, "versionStage")}
	if in.SecretId == nil {
		return nil, invalid("The parameter secretId is missing.")
	}
	return e.cached("secret", query, e.settings.SecretTTL, func() (any, error) {
		out, err := e.source.Secret(ctx, in)
		return secretAnswer{GetSecretValueResponse: out}, err
	})
}

type parameterAnswer struct {
	Parameter      *parameters.Parameter
	ResultMetadata struct{}
}

func (e *Endpoint) parameter(ctx context.Context, query url.Values) ([]byte, error) {
	name := query.Get("name")
	if name == "" {
		return nil, invalid("The parameter name is missing.")
	}
	version, label := query.Get("version"), query.Get("label")
	switch {
	case version != "" && label != "":
		return nil, invalid("Give a version or a label, not both.")
	case version != "":
		name += ":" + version
	case label != "":
		name += ":" + label
	}
	decrypt, err := flag(query, "withDecryption")
	if err != nil {
		return nil, err
	}
	return e.cached("parameter", query, e.settings.ParameterTTL, func() (any, error) {
		out, err := e.source.Parameter(ctx, &parameters.GetParameterRequest{Name: &name, WithDecryption: &decrypt})
		if err != nil {
			return nil, err
		}
		return parameterAnswer{Parameter: out.Parameter}, nil
	})
}

func given(query url.Values, name string) *string {
	if value := query.Get(name); value != "" {
		return &value
	}
	return nil
}

func flag(query url.Values, name string) (bool, error) {
	text := query.Get(name)
	if text == "" {
		return false, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, invalid("The parameter " + name + " must be true or false.")
	}
	return value, nil
}

// refused is an error of the interface's own.
func refused(status int, code, message string) error {
	e := awsapi.Errorf(code, "%s", message)
	e.Status = status
	return e
}

func invalid(message string) error {
	return refused(http.StatusBadRequest, "ValidationException", message)
}

// failure is an error as it is answered: a service's own, in its words.
func failure(err error) (status int, body []byte) {
	var wire *awsapi.Error
	if !errors.As(err, &wire) {
		wire = awsapi.Errorf("InternalServerError", "The request failed.")
		wire.Status = http.StatusInternalServerError
	}
	if status = wire.Status; status == 0 {
		status = http.StatusBadRequest
	}
	code := wire.Code
	if code == "AccessDenied" { // as these two services answer it
		code, status = "AccessDeniedException", http.StatusBadRequest
	}
	body, _ = json.Marshal(map[string]string{"__type": code, "message": wire.Message})
	return status, body
}
