package doortest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/door/session"
)

// Key is an access key and what requests are signed for with it. Tests change
// it to sign wrongly.
type Key struct {
	ID, Secret      string
	Service, Region string
	Time            time.Time
}

// Key gives p an access key, for requests to service now.
func (h *Harness) Key(p *door.Principal, service *awsapi.Service) Key {
	id, secret := session.NewAccessKey(session.LongTermPrefix)
	holder := *p
	holder.AccessKeyID = id
	h.Users.SetKey(id, &door.Credential{Secret: secret, Principal: &holder})
	return Key{id, string(secret.Reveal()), service.SigningName, Region, time.Now()}
}

// JSON is an unsigned awsJson1.1 request of op.
func JSON(op *awsapi.Operation, body string) *http.Request {
	r := httptest.NewRequest("POST", "/", bytes.NewReader([]byte(body)))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", op.Service.TargetPrefix+"."+op.Name)
	return r
}

// Query is an unsigned query request of op.
func Query(op *awsapi.Operation, parameters string) *http.Request {
	body := "Action=" + op.Name + "&Version=" + op.Service.APIVersion + parameters
	r := httptest.NewRequest("POST", "/", bytes.NewReader([]byte(body)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// Sign signs r with AWS's signer.
func (k Key) Sign(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.Sum256(body)
	return v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret},
		r, hex.EncodeToString(sum[:]), k.Service, k.Region, k.Time)
}

// Sign signs r with AWS's signer.
func (h *Harness) Sign(r *http.Request, k Key) *http.Request {
	h.t.Helper()
	h.must(k.Sign(r))
	return r
}

// Serve gives the answer of the harness's door.
func (h *Harness) Serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.Door.ServeHTTP(w, r)
	return w
}
