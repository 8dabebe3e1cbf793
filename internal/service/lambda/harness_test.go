package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/awsapi"
	ec2api "cloister/internal/awsapi/ec2"
	api "cloister/internal/awsapi/lambda"
	logsapi "cloister/internal/awsapi/logs"
	smapi "cloister/internal/awsapi/secretsmanager"
	ssmapi "cloister/internal/awsapi/ssm"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/internal/blob"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/guardrail"
	"cloister/internal/service/lambda/codepkg"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
	"cloister/policy"
)

const (
	otherAccount = "999999999999"
	goodRole     = "arn:aws:iam::123456789012:role/works"
	allowAll     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

// harness is the service behind a real door, on a real store and real blobs,
// with a fleet and an STS of the tests.
type harness struct {
	*doortest.Harness
	t      testing.TB
	lambda *Service
	fleet  *fakeFleet
	blobs  *faultyBlobs
	config Config
}

// newHarness ends the test by checking the service's tables. change edits the
// configuration before the service is made.
func newHarness(t testing.TB, change ...func(*Config)) *harness {
	t.Helper()
	h := &harness{t: t, fleet: newFakeFleet()}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service, &stsapi.Service, &logsapi.Service, &smapi.Service, &ssmapi.Service, &ec2api.Service}, func(d *doortest.Harness, c *door.Config) {
		c.Directory = sessions{d.Users}
	})
	dir, err := blob.OpenDir(filepath.Join(h.Dir, "blobs"), h.Keys)
	h.must(err)
	h.blobs = &faultyBlobs{Store: dir}
	cache, err := codepkg.OpenCache(t.TempDir(), codepkg.CacheOptions{AllowDisk: true})
	h.must(err)
	h.config = Config{DB: h.DB, Blobs: h.blobs, Code: cache, Runtimes: fakeRuntimes{}, Guardrails: guardrail.New(&api.Service, &stsapi.Service, &logsapi.Service)}
	for _, f := range change {
		f(&h.config)
	}
	h.lambda = New(h.config)
	h.lambda.Register(h.Door)
	door.Act(h.Door, stsapi.OpAssumeRole, door.SignedOnly[stsapi.AssumeRoleRequest](), assumeRole)
	h.must(h.lambda.Start(h.fleet))
	t.Cleanup(h.close)
	return h
}

func (h *harness) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) close() {
	h.lambda.Stop(context.Background())
	if err := h.view(h.lambda.Check); err != nil {
		h.t.Errorf("check: %v", err)
	}
}

func (h *harness) view(fn func(store.Reader) error) error {
	return h.DB.View(context.Background(), fn)
}

// create makes a function whose code says the given words.
func (h *harness) create(name, words string) *api.FunctionConfiguration {
	h.t.Helper()
	out, err := do(h, h.Root(), api.OpCreateFunction, createRequest(name, words))
	h.must(err)
	return out
}

func createRequest(name, words string) *api.CreateFunctionRequest {
	return &api.CreateFunctionRequest{
		FunctionName: ptr(name), Runtime: ptr("python3.13"), Role: ptr(goodRole), Handler: ptr("m.f"),
		Code: &api.FunctionCode{ZipFile: zipOf(words)},
	}
}

func do[In, Out any](h *harness, who *door.Principal, op awsapi.Op[In, Out], in *In) (*Out, error) {
	return door.Do(context.Background(), h.Door, who, op, in)
}

// zipOf is a package whose one file holds the given words.
func zipOf(words string) []byte {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "m.py", Method: zip.Store})
	if err == nil {
		_, err = w.Write([]byte(words))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// other is the root user of another account.
func (h *harness) other() *door.Principal {
	return h.principal(policy.Principal{Kind: policy.PrincipalRoot, ARN: "arn:aws:iam::" + otherAccount + ":root", Account: otherAccount, UserID: otherAccount})
}

func (h *harness) principal(p policy.Principal) *door.Principal { return &door.Principal{Principal: p} }

type fakeRuntimes struct{}

func (f fakeRuntimes) Ready(name string) bool { return slices.Contains(f.Names(), name) }

func (fakeRuntimes) Names() []string { return []string{"provided.al2023", "python3.13"} }

// fakeFleet answers invocations as the test says and remembers what was asked.
type fakeFleet struct {
	mu      sync.Mutex
	answer  func(fn *invoke.Function, req *invoke.Request) (*invoke.Result, error)
	calls   []call
	retired chan string // function, version and revision that is kept
}

type call struct {
	fn  *invoke.Function
	req *invoke.Request
}

func newFakeFleet() *fakeFleet {
	return &fakeFleet{retired: make(chan string, 10_000)}
}

func (f *fakeFleet) answers(fn func(*invoke.Function, *invoke.Request) (*invoke.Result, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = fn
}

func (f *fakeFleet) last() call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[len(f.calls)-1]
}

func (f *fakeFleet) Invoke(_ context.Context, fn *invoke.Function, req *invoke.Request) (*invoke.Result, error) {
	f.mu.Lock()
	f.calls = append(f.calls, call{fn, req})
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		return answer(fn, req)
	}
	return &invoke.Result{Payload: req.Payload, ExecutedVersion: fn.Version}, nil
}

func (f *fakeFleet) Retire(arn, version, keep string) {
	f.retired <- strings.Join([]string{arn[strings.LastIndexByte(arn, ':')+1:], version, keep}, " ")
}

// sessions knows the sessions that assumeRole gives.
type sessions struct{ *doortest.Directory }

func (s sessions) Credential(ctx context.Context, keyID, token string) (*door.Credential, *awsapi.Error) {
	role, isSession := strings.CutPrefix(keyID, "ASIA")
	if !isSession {
		return s.Directory.Credential(ctx, keyID, token)
	}
	return &door.Credential{Principal: roleSession(role)}, nil
}

func roleSession(role string) *door.Principal {
	return &door.Principal{Name: "session", Principal: policy.Principal{
		Kind: policy.PrincipalAssumedRole, Account: doortest.Account, UserID: "AROA" + role + ":session",
		ARN:     "arn:aws:sts::" + doortest.Account + ":assumed-role/" + role + "/session",
		RoleARN: "arn:aws:iam::" + doortest.Account + ":role/" + role,
	}}
}

// assumeRole lets Lambda take every role but those named after a reason why not.
func assumeRole(c *door.Call, in *stsapi.AssumeRoleRequest) (*stsapi.AssumeRoleResponse, error) {
	role := (*in.RoleArn)[strings.LastIndexByte(*in.RoleArn, '/')+1:]
	switch {
	case c.Principal.Service != "lambda.amazonaws.com" || role == "distrustful":
		return nil, awsapi.Errorf("AccessDenied", "no")
	case role == "broken":
		return nil, context.DeadlineExceeded
	}
	return &stsapi.AssumeRoleResponse{Credentials: &stsapi.Credentials{
		AccessKeyId: ptr("ASIA" + role), SecretAccessKey: ptr("s"), SessionToken: ptr("t"), Expiration: ptr(c.Time.Add(time.Hour)),
	}}, nil
}

// faultyBlobs calls a function of the test after each upload.
type faultyBlobs struct {
	blob.Store
	mu       sync.Mutex
	uploaded func(id string)
}

func (b *faultyBlobs) Put(ctx context.Context, id string, r io.Reader) (int64, error) {
	n, err := b.Store.Put(ctx, id, r)
	b.mu.Lock()
	f := b.uploaded
	b.mu.Unlock()
	if f != nil {
		f(id)
	}
	return n, err
}

// count is how many blobs there are.
func (b *faultyBlobs) count() (n int) {
	for _, err := range b.List(context.Background()) {
		if err != nil {
			panic(err)
		}
		n++
	}
	return n
}
