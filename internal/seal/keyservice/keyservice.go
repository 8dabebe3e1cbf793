// Package keyservice keeps a node's root key encrypted under a key of a key
// management service that speaks AWS's API: AWS KMS itself, another Cloister, or
// what else answers Encrypt and Decrypt
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html). What is
// written into root.json is a ciphertext; the service is asked once at each
// start, and whoever takes the permission away there, or disables the key, keeps
// the node from starting again.
package keyservice

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"cloister/internal/seal"
)

// Custody keeps the root key by a key of a key service.
type Custody struct {
	Key      string // ARN of the key
	Endpoint string // https://…; empty: AWS's, of the key's region
	Caller   aws.Credentials
	Client   *http.Client // follows no redirects; nil: one that trusts what the machine trusts
}

const (
	rootKeySize = 32
	// timeout is for one call: a start waits no longer for a service that is away.
	timeout = 30 * time.Second
	// maxAnswer is far above what Encrypt and Decrypt answer for a root key.
	maxAnswer = 1 << 20
)

// kept is what root.json holds.
type kept struct {
	Key        string `json:"key"`
	Ciphertext []byte `json:"ciphertext"`
}

// purpose is the encryption context: a key policy can be written for it, and the
// service's own audit log says what the key was used for.
var purpose = map[string]string{"cloister:purpose": "root-key"}

// Name implements [seal.Custody].
func (*Custody) Name() string { return "kms" }

// Check says whether the custody can be used at all, without asking the service.
func (c *Custody) Check() error {
	if c.region() == "" {
		return fmt.Errorf("%q is not the ARN of a key: write arn:aws:kms:REGION:ACCOUNT:key/ID", c.Key)
	}
	if c.Caller.AccessKeyID == "" || c.Caller.SecretAccessKey == "" {
		return errors.New("there are no credentials for the key service: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for temporary ones")
	}
	u, err := url.Parse(c.endpoint())
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return fmt.Errorf("the key service's endpoint %q is not https://HOST[:PORT]: the root key goes over that connection", c.endpoint())
	}
	return nil
}

func (c *Custody) region() string {
	parts := strings.SplitN(c.Key, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "kms" || !strings.HasPrefix(parts[5], "key/") || strings.Trim(parts[3], "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return ""
	}
	return parts[3]
}

func (c *Custody) endpoint() string {
	if c.Endpoint != "" {
		return c.Endpoint
	}
	return "https://kms." + c.region() + ".amazonaws.com"
}

// Make implements [seal.Custody].
func (c *Custody) Make() (seal.Secret, json.RawMessage, error) {
	key := make([]byte, rootKeySize)
	_, _ = rand.Read(key) // never fails
	var out struct{ CiphertextBlob []byte }
	err := c.call("Encrypt", map[string]any{"KeyId": c.Key, "Plaintext": key, "EncryptionContext": purpose}, &out)
	if err == nil && len(out.CiphertextBlob) == 0 {
		err = errors.New("the key service answered Encrypt without a ciphertext")
	}
	if err != nil {
		return seal.Secret{}, nil, err
	}
	text, err := json.Marshal(kept{c.Key, out.CiphertextBlob})
	return seal.NewSecret(key), text, err
}

// Root implements [seal.Custody].
func (c *Custody) Root(text json.RawMessage) (seal.Secret, error) {
	var k kept
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		return seal.Secret{}, fmt.Errorf("root.json is damaged (%w): restore it from a backup", err)
	}
	// The key is the administrator's to name, and not the file's: who can write
	// the file would else choose whom the node asks.
	if k.Key != c.Key {
		return seal.Secret{}, fmt.Errorf("the root key is under the key %q, not under %q: give that one with --root-key-kms", k.Key, c.Key)
	}
	var out struct{ Plaintext []byte }
	err := c.call("Decrypt", map[string]any{"KeyId": c.Key, "CiphertextBlob": k.Ciphertext, "EncryptionContext": purpose}, &out)
	return seal.NewSecret(out.Plaintext), err
}

// call makes one signed call in the protocol awsJson 1.1.
func (c *Custody) call(operation string, in, out any) error {
	if err := c.Check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	status, answer, err := c.send(ctx, operation, in)
	if err != nil {
		return fmt.Errorf("ask the key service to %s the root key: %w", strings.ToLower(operation), err)
	}
	if status != http.StatusOK {
		return refusal(operation, status, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		// The answer may hold the root key: no error repeats any of it.
		return fmt.Errorf("the key service's answer to %s is not JSON", operation)
	}
	return nil
}

func (c *Custody) send(ctx context.Context, operation string, in any) (status int, answer []byte, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.endpoint(), "/")+"/", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "TrentService."+operation)
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, c.Caller, req, hex.EncodeToString(sum[:]), "kms", c.region(), time.Now()); err != nil {
		return 0, nil, err
	}
	res, err := c.client().Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return res.StatusCode, answer, err
}

func (c *Custody) client() *http.Client {
	client := http.Client{}
	if c.Client != nil {
		client = *c.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// refusal is the service's own error, as far as it is one.
func refusal(operation string, status int, answer []byte) error {
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Old     string `json:"Message"`
	}
	if err := json.Unmarshal(answer, &e); err != nil || e.Type == "" {
		return fmt.Errorf("the key service answered %s with status %d: is its endpoint right?", operation, status)
	}
	if e.Message == "" {
		e.Message = e.Old
	}
	return fmt.Errorf("the key service refused %s: %s: %s; the node's credentials need kms:%s on the key, which must be enabled", operation, e.Type, e.Message, operation)
}
