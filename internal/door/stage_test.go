package door_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	iam "cloister/internal/awsapi/iam"
	lambda "cloister/internal/awsapi/lambda"
	logs "cloister/internal/awsapi/logs"
	sts "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

// note is all the state of the operations on the stage.
type note struct{ Text string }

var notes = store.Define[note]("doortest.note")

// stage is a door with one small operation of each kind behind it. Tests put
// their own functions in for what the handlers and resolvers do.
type stage struct {
	*doortest.Harness
	t testing.TB

	write   func(c *door.Call, tx *store.Tx) error // logs:CreateLogGroup, after it has put its note
	read    func(c *door.Call, r store.Reader) error
	act     func(c *door.Call) error // logs:DeleteLogGroup
	resolve func(c *door.Call)       // when any of them is authorised
	needs   func(c *door.Call) []door.Need
	runs    int // of all handlers
}

func newStage(t testing.TB, options ...func(*doortest.Harness, *door.Config)) *stage {
	t.Helper()
	s := &stage{t: t, write: func(*door.Call, *store.Tx) error { return nil }, read: func(*door.Call, store.Reader) error { return nil },
		act: func(*door.Call) error { return nil }, resolve: func(*door.Call) {}}
	s.Harness = doortest.New(t, []*awsapi.Service{&iam.Service, &lambda.Service, &logs.Service, &sts.Service}, options...)
	s.register()
	return s
}

func (s *stage) register() {
	door.Write(s.Door, logs.OpCreateLogGroup, stageAuth[logs.CreateLogGroupRequest](s, "logs:CreateLogGroup"),
		func(c *door.Call, tx *store.Tx, in *logs.CreateLogGroupRequest) (*awsapi.None, error) {
			s.runs++
			if err := notes.Put(tx, store.K(*in.LogGroupName), &note{*in.LogGroupName}); err != nil {
				return nil, err
			}
			return &awsapi.None{}, s.write(c, tx)
		})
	door.Read(s.Door, iam.OpGetUser, stageAuth[iam.GetUserRequest](s, "iam:GetUser"),
		func(c *door.Call, r store.Reader, in *iam.GetUserRequest) (*iam.GetUserResponse, error) {
			s.runs++
			return &iam.GetUserResponse{User: &iam.User{UserName: in.UserName}}, s.read(c, r)
		})
	door.Read(s.Door, lambda.OpGetFunction, stageAuth[lambda.GetFunctionRequest](s, "lambda:GetFunction"),
		func(c *door.Call, r store.Reader, in *lambda.GetFunctionRequest) (*lambda.GetFunctionResponse, error) {
			s.runs++
			return &lambda.GetFunctionResponse{Configuration: &lambda.FunctionConfiguration{FunctionName: in.FunctionName}}, s.read(c, r)
		})
	door.Act(s.Door, logs.OpDeleteLogGroup, stageAuth[logs.DeleteLogGroupRequest](s, "logs:DeleteLogGroup"),
		func(c *door.Call, _ *logs.DeleteLogGroupRequest) (*awsapi.None, error) {
			s.runs++
			return &awsapi.None{}, s.act(c)
		})
	door.Read(s.Door, sts.OpGetCallerIdentity, door.SignedOnly[sts.GetCallerIdentityRequest](),
		func(c *door.Call, _ store.Reader, _ *sts.GetCallerIdentityRequest) (*sts.GetCallerIdentityResponse, error) {
			s.runs++
			return &sts.GetCallerIdentityResponse{Account: &c.Account, Arn: &c.Principal.ARN, UserId: &c.Principal.UserID}, nil
		})
	door.Read(s.Door, iam.OpListUsers, door.Public[iam.ListUsersRequest](),
		func(*door.Call, store.Reader, *iam.ListUsersRequest) (*iam.ListUsersResponse, error) {
			s.runs++
			return &iam.ListUsersResponse{}, nil
		})
}

const resource = "arn:aws:x:us-east-1:" + doortest.Account + ":thing"

func stageAuth[In any](s *stage, action string) door.Auth[In] {
	return door.Permission(func(c *door.Call, _ store.Reader, _ *In) ([]door.Need, error) {
		s.resolve(c)
		if s.needs != nil {
			return s.needs(c), nil
		}
		return []door.Need{{Action: action, Resource: resource}}, nil
	})
}

// The requests of the stage's operations, unsigned.
func createGroup(name string) *http.Request {
	return doortest.JSON(logs.OpCreateLogGroup.Operation, `{"logGroupName":"`+name+`"}`)
}

func deleteGroup() *http.Request {
	return doortest.JSON(logs.OpDeleteLogGroup.Operation, `{"logGroupName":"g"}`)
}

func getUser() *http.Request { return doortest.Query(iam.OpGetUser.Operation, "&UserName=somebody") }

func getFunction() *http.Request { return httptest.NewRequest("GET", "/2015-03-31/functions/f", nil) }

func getCallerIdentity() *http.Request { return doortest.Query(sts.OpGetCallerIdentity.Operation, "") }

// allow is a policy document that allows actions on everything.
func allow(actions ...string) string {
	list, _ := json.Marshal(actions)
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + string(list) + `,"Resource":"*"}]}`
}

// as signs r as p, for the service, and gives the answer.
func (s *stage) as(p *door.Principal, service *awsapi.Service, r *http.Request) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.Serve(s.Sign(r, s.Key(p, service)))
}

// answered checks an answer's status and that its body holds all texts.
func answered(t testing.TB, w *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, not %d: %s", w.Code, status, w.Body)
	}
	for _, text := range texts {
		if !strings.Contains(w.Body.String(), text) {
			t.Errorf("the answer has not %q: %s", text, w.Body)
		}
	}
	if w.Header().Get("X-Amzn-Requestid") == "" {
		t.Error("the answer has no request id")
	}
}

// records is the audit log.
func (s *stage) records() (all []audit.Record) {
	s.t.Helper()
	for e, err := range s.Audit.Records(context.Background(), 0) {
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, e.Record)
	}
	return all
}

// last is the last audit record, of count.
func (s *stage) last(count int) audit.Record {
	s.t.Helper()
	all := s.records()
	if len(all) != count {
		s.t.Fatalf("there are %d audit records, not %d: %+v", len(all), count, all)
	}
	return all[count-1]
}

// has reports whether the store holds the note.
func (s *stage) has(name string) bool {
	s.t.Helper()
	err := s.DB.View(context.Background(), func(r store.Reader) error {
		_, err := notes.Get(r, store.K(name))
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.t.Fatal(err)
	}
	return err == nil
}

func resourcePolicy(t testing.TB, text string) *policy.Named {
	t.Helper()
	p, err := policy.Parse(policy.KindResource, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &policy.Named{Name: "resource policy", Policy: p}
}
