package cognitoidp

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	lambda "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/outbox"
	"cloister/internal/store"
	"cloister/policy"
)

// start is the time at which every test begins: the store's clock is the
// system's, and decides what has expired.
var start = time.Now().UTC().Truncate(time.Minute)

// harness is the service behind a real door, with a clock that only tests move,
// and functions that are Go.
type harness struct {
	*doortest.Harness
	t       testing.TB
	service *Service
	root    *door.Principal

	mu        sync.Mutex
	time      time.Time
	functions map[string]func(event map[string]any) (response any, failed string)
	events    []map[string]any
}

// keysOfTests are made once: they take long.
var keysOfTests = sync.OnceValue(func() []*rsa.PrivateKey {
	var keys []*rsa.PrivateKey
	for range 4 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys = append(keys, k)
	}
	return keys
})

func newHarness(t testing.TB, options ...func(*Options)) *harness {
	t.Helper()
	h := &harness{t: t, time: start, functions: map[string]func(map[string]any) (any, string){}}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service, &lambda.Service}, func(_ *doortest.Harness, c *door.Config) { c.Now = h.now })
	h.root = h.Root()
	o := Options{DB: h.DB, Keys: h.Keys}
	for _, option := range options {
		option(&o)
	}
	h.service = New(o)
	h.service.now = h.now
	next := 0
	h.service.newKey = func() (*rsa.PrivateKey, error) {
		next++
		return keysOfTests()[next%4], nil
	}
	h.service.Register(h.Door)
	h.registerLambda()
	t.Cleanup(func() {
		if err := h.DB.View(context.Background(), h.service.Check); err != nil {
			t.Errorf("check: %v", err)
		}
	})
	return h
}

func (h *harness) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.time = h.time.Add(time.Millisecond) // what comes later is later
	return h.time
}

func (h *harness) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.time = h.time.Add(d)
}

const functionARN = "arn:aws:lambda:us-east-1:123456789012:function:"

// registerLambda puts functions behind the door that let Cognito in for pools of
// the account, but for those whose name begins with "closed".
func (h *harness) registerLambda() {
	door.Act(h.Door, lambda.OpInvoke, door.Permission(func(_ *door.Call, _ store.Reader, in *lambda.InvocationRequest) ([]door.Need, error) {
		arn := *in.FunctionName
		need := door.Need{Action: "lambda:InvokeFunction", Resource: arn, Account: doortest.Account}
		if !strings.HasPrefix(arn, functionARN+"closed") {
			p, err := policy.Parse(policy.KindResource, []byte(`{"Statement":{"Effect":"Allow","Principal":{"Service":"cognito-idp.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"`+arn+`",
				"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:cognito-idp:us-east-1:123456789012:userpool/*"}}}}`))
			if err != nil {
				return nil, err
			}
			need.ResourcePolicy = &policy.Named{Name: "function", Policy: p}
		}
		return []door.Need{need}, nil
	}), func(_ *door.Call, in *lambda.InvocationRequest) (*lambda.InvocationResponse, error) {
		fn := h.functions[strings.TrimPrefix(*in.FunctionName, functionARN)]
		if fn == nil {
			return nil, awsapi.Errorf("ResourceNotFoundException", "Function not found: %s", *in.FunctionName)
		}
		var e map[string]any
		if err := json.Unmarshal(in.Payload, &e); err != nil {
			return nil, err
		}
		h.mu.Lock()
		h.events = append(h.events, e)
		h.mu.Unlock()
		response, failed := fn(e)
		if failed != "" {
			return &lambda.InvocationResponse{FunctionError: ptr("Unhandled"), Payload: []byte(`{"errorMessage":"` + failed + `","errorType":"Error"}`)}, nil
		}
		if raw, ok := response.(json.RawMessage); ok {
			return &lambda.InvocationResponse{Payload: raw}, nil
		}
		answer := maps.Clone(e)
		answer["response"] = response
		payload, err := json.Marshal(answer)
		return &lambda.InvocationResponse{Payload: payload}, err
	})
}

// outbox is what was sent, the newest first.
func (h *harness) outbox() (all []*outbox.Message) {
	h.t.Helper()
	err := h.DB.View(context.Background(), func(r store.Reader) (err error) {
		all, err = outbox.List(r, doortest.Account, 100)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// code is the one that was sent last.
func (h *harness) code() string {
	h.t.Helper()
	all := h.outbox()
	if len(all) == 0 {
		h.t.Fatal("nothing was sent")
	}
	body := all[0].Body
	for i := 0; i+6 <= len(body); i++ {
		if strings.Trim(body[i:i+6], digits) == "" {
			return body[i : i+6]
		}
	}
	h.t.Fatalf("no code in %q", body)
	return ""
}

func try[In, Out any](h *harness, who *door.Principal, op awsapi.Op[In, Out], in *In) (*Out, error) {
	return door.Do(context.Background(), h.Door, who, op, in)
}

// do calls as root.
func do[In, Out any](h *harness, op awsapi.Op[In, Out], in *In) *Out {
	h.t.Helper()
	out, err := try(h, h.root, op, in)
	if err != nil {
		h.t.Fatalf("%s: %v", op, err)
	}
	return out
}

func wantCode(t testing.TB, err error, code, message string) {
	t.Helper()
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message) {
		t.Errorf("want %s %q: %v", code, message, err)
	}
}

const goodPassword = "Correct-horse-9"

// makePool makes a pool that verifies addresses, and a client that may do
// everything.
func (h *harness) makePool(change ...func(*api.CreateUserPoolRequest, *api.CreateUserPoolClientRequest)) (poolID, clientID string) {
	h.t.Helper()
	in := &api.CreateUserPoolRequest{PoolName: ptr("people"), AutoVerifiedAttributes: []string{"email"}}
	cl := &api.CreateUserPoolClientRequest{ClientName: ptr("app"), ExplicitAuthFlows: []string{
		"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_CUSTOM_AUTH",
	}}
	for _, fn := range change {
		fn(in, cl)
	}
	poolID = *do(h, api.OpCreateUserPool, in).UserPool.Id
	cl.UserPoolId = &poolID
	return poolID, *do(h, api.OpCreateUserPoolClient, cl).UserPoolClient.ClientId
}

// makeUser makes a user who has a password and a verified address.
func (h *harness) makeUser(poolID, name string) (sub string) {
	h.t.Helper()
	out := do(h, api.OpAdminCreateUser, &api.AdminCreateUserRequest{
		UserPoolId: &poolID, Username: &name, MessageAction: ptr("SUPPRESS"),
		UserAttributes: []*api.AttributeType{{Name: ptr("email"), Value: ptr(name + "@example.com")}, {Name: ptr("email_verified"), Value: ptr("true")}},
	})
	do(h, api.OpAdminSetUserPassword, &api.AdminSetUserPasswordRequest{UserPoolId: &poolID, Username: &name, Password: ptr(goodPassword), Permanent: ptr(true)})
	for _, a := range out.User.Attributes {
		if *a.Name == "sub" {
			sub = *a.Value
		}
	}
	return sub
}

// anyone is a caller who has no policies at all.
func (h *harness) anyone() *door.Principal {
	return &door.Principal{Principal: policy.Principal{Kind: policy.PrincipalAnonymous}}
}

func (h *harness) signIn(clientID, name, password string) (*api.InitiateAuthResponse, error) {
	return try(h, h.anyone(), api.OpInitiateAuth, &api.InitiateAuthRequest{
		ClientId: &clientID, AuthFlow: ptr("USER_PASSWORD_AUTH"), AuthParameters: map[string]string{"USERNAME": name, "PASSWORD": password},
	})
}

// signedIn is signIn that succeeds.
func (h *harness) signedIn(clientID, name string) *api.AuthenticationResultType {
	h.t.Helper()
	out, err := h.signIn(clientID, name, goodPassword)
	if err != nil || out.AuthenticationResult == nil {
		h.t.Fatalf("sign in %s: %v %v", name, out, err)
	}
	return out.AuthenticationResult
}

func secretHash(secret, name, clientID string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(name + clientID))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// totp is the code of an authenticator now.
func (h *harness) totp(seed string) string {
	h.t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(seed)
	if err != nil {
		h.t.Fatal(err)
	}
	return oneTimeCode(key, h.now().Unix()/stepSeconds)
}
