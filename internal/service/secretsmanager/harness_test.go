package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"cloister/internal/awsapi"
	kms "cloister/internal/awsapi/kms"
	lambda "cloister/internal/awsapi/lambda"
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

// start is the time at which every test begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// neighbour is another account, whose secrets the function rotates too.
const neighbour = "210987654321"

const function = "arn:aws:lambda:us-east-1:123456789012:function:rotate"

// harness is the service behind a real door, with a clock that only tests move
// and a KMS and a Lambda of the tests. What is due is done when tests say so.
type harness struct {
	*doortest.Harness
	t       testing.TB
	service *Service
	root    *door.Principal
	kms     *doortest.KMS

	mu     sync.Mutex
	time   time.Time
	invoke func(e event) (failed bool, stop error) // the rotation function
	events []event
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{t: t, time: start}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service, &kms.Service, &lambda.Service}, func(_ *doortest.Harness, c *door.Config) {
		c.Now = h.now
	})
	h.root = h.Root()
	h.restart()
	h.service.Register(h.Door)
	h.kms = h.NewKMS("secretsmanager", managedKey)
	h.registerLambda()
	t.Cleanup(func() { h.check(t) })
	return h
}

// restart is a process that ended and one that takes over, but for the door.
func (h *harness) restart() {
	s := New(h.DB)
	s.now, s.door = h.now, h.Door
	if h.service == nil {
		h.service = s
		return
	}
	h.service.wake, h.service.read = s.wake, s.read
	h.pass(lease)
}

// rotateDue does all rotations that are due.
func (h *harness) rotateDue(ctx context.Context) {
	h.service.startDue(ctx)
	h.service.lanes.all.Wait()
}

func (h *harness) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.time
}

func (h *harness) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.time = h.time.Add(d)
}

// fataler is a testing.TB or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (h *harness) check(t fataler) {
	t.Helper()
	if err := h.DB.View(context.Background(), h.service.Check); err != nil {
		t.Fatalf("check: %v", err)
	}
}

// registerLambda puts a Lambda behind the door that has one function, which
// Secrets Manager may invoke for the secrets of this account and its neighbour.
func (h *harness) registerLambda() {
	door.Act(h.Door, lambda.OpInvoke, door.Permission(func(c *door.Call, _ store.Reader, in *lambda.InvocationRequest) ([]door.Need, error) {
		p, err := policy.Parse(policy.KindResource, []byte(`{"Statement":{"Effect":"Allow","Principal":{"Service":"secretsmanager.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"`+function+`","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:secretsmanager:us-east-1:*:secret:*"},"StringEquals":{"aws:SourceAccount":["123456789012","`+neighbour+`"]}}}}`))
		return []door.Need{{Action: "lambda:InvokeFunction", Resource: *in.FunctionName, ResourcePolicy: &policy.Named{Name: function, Policy: p}}}, err
	}), func(c *door.Call, in *lambda.InvocationRequest) (*lambda.InvocationResponse, error) {
		if *in.FunctionName != function {
			return nil, awsapi.Errorf("ResourceNotFoundException", "Function not found: %s", *in.FunctionName)
		}
		if val(in.InvocationType) == "DryRun" {
			return &lambda.InvocationResponse{StatusCode: ptr(int64(204))}, nil
		}
		var e event
		if err := json.Unmarshal(in.Payload, &e); err != nil {
			return nil, err
		}
		h.mu.Lock()
		h.events = append(h.events, e)
		h.mu.Unlock()
		failed, err := h.invoke(e)
		out := &lambda.InvocationResponse{StatusCode: ptr(int64(200))}
		if failed {
			out.FunctionError = ptr("Unhandled")
		}
		return out, err
	})
}

// rotationFunction does the four steps as AWS's templates do, as root.
func (h *harness) rotationFunction(e event) (failed bool, stop error) {
	return h.rotationStep(h.root, e)
}

func (h *harness) rotationStep(who *door.Principal, e event) (failed bool, stop error) {
	get := func(stage string) (*api.GetSecretValueResponse, error) {
		return try(h, who, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: &e.SecretID, VersionId: nil, VersionStage: &stage})
	}
	switch e.Step {
	case "createSecret":
		if _, err := try(h, who, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: &e.SecretID, VersionId: &e.ClientRequestToken, VersionStage: ptr(pending)}); err == nil {
			return false, nil
		}
		_, err := try(h, who, api.OpPutSecretValue, &api.PutSecretValueRequest{
			SecretId: &e.SecretID, ClientRequestToken: &e.ClientRequestToken, SecretString: ptr("new for " + e.ClientRequestToken), VersionStages: []string{pending},
		})
		return err != nil, nil
	case "testSecret":
		_, err := get(pending)
		return err != nil, nil
	case "finishSecret":
		now, err := get(current)
		if err != nil {
			return true, nil
		}
		if *now.VersionId == e.ClientRequestToken {
			return false, nil
		}
		_, err = try(h, who, api.OpUpdateSecretVersionStage, &api.UpdateSecretVersionStageRequest{
			SecretId: &e.SecretID, VersionStage: ptr(current), MoveToVersionId: &e.ClientRequestToken, RemoveFromVersionId: now.VersionId,
		})
		return err != nil, nil
	}
	return false, nil
}

func try[In, Out any](h *harness, who *door.Principal, op awsapi.Op[In, Out], in *In) (*Out, error) {
	return door.Do(context.Background(), h.Door, who, op, in)
}

func do[In, Out any](h *harness, t fataler, op awsapi.Op[In, Out], in *In) *Out {
	t.Helper()
	out, err := try(h, h.root, op, in)
	if err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	return out
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("want %s: %v", code, err)
	}
}
