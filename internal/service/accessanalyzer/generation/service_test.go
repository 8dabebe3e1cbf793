package generation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/service/activity"
	"cloister/internal/store"
)

const role = "arn:aws:iam::123456789012:role/r"

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

type world struct {
	*doortest.Harness
	t *testing.T
	s *Service
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, Harness: doortest.New(t, []*awsapi.Service{&platform.Service, &api.Service})}
	activity.New(w.Audit).Register(w.Door)
	w.s = New(w.DB)
	w.s.Register(w.Door)
	t.Cleanup(func() {
		if err := w.s.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range 5 {
		w.did(i)
	}
	return w
}

// did puts a read of an object into the log, hours after noon.
func (w *world) did(hours int) {
	w.t.Helper()
	if err := w.Audit.Append(&audit.Record{
		Time: noon.Add(time.Duration(hours) * time.Hour), Outcome: audit.Allowed,
		Principal: audit.Principal{Type: "AssumedRole", RoleARN: role},
		Needs: []audit.Need{
			{Action: "s3:GetObject", Resource: fmt.Sprintf("arn:aws:s3:::b/k%d", hours), Allowed: true, Reason: "allowed by an identity-based policy"},
			{Action: "sqs:SendMessage", Resource: "arn:aws:sqs:us-east-1:123456789012:q", Allowed: true, Reason: "allowed by a resource-based policy"},
		},
	}); err != nil {
		w.t.Fatal(err)
	}
}

func do[In, Out any](w *world, as *door.Principal, op awsapi.Op[In, Out], in *In) (*Out, string) {
	w.t.Helper()
	out, err := door.Do(context.Background(), w.Door, as, op, in)
	var wire *awsapi.Error
	if err != nil && (!errors.As(err, &wire) || wire.Status >= 500) {
		w.t.Fatal(err)
	}
	if wire != nil {
		return nil, wire.Code
	}
	return out, ""
}

func request(token string) *api.StartPolicyGenerationRequest {
	in := &api.StartPolicyGenerationRequest{PolicyGenerationDetails: &api.PolicyGenerationDetails{PrincipalArn: awsapi.Ptr(role)}}
	if token != "" {
		in.ClientToken = &token
	}
	return in
}

func (w *world) started(in *api.StartPolicyGenerationRequest) string {
	w.t.Helper()
	out, code := do(w, w.Root(), api.OpStartPolicyGeneration, in)
	if code != "" {
		w.t.Fatal(code)
	}
	return *out.JobId
}

func (w *world) got(id string) *api.GetGeneratedPolicyResponse {
	w.t.Helper()
	out, code := do(w, w.Root(), api.OpGetGeneratedPolicy, &api.GetGeneratedPolicyRequest{JobId: &id})
	if code != "" {
		w.t.Fatal(code)
	}
	return out
}

// busy keeps jobs from running until the function that it returns is called.
func (w *world) busy() (free func()) {
	w.s.turn <- struct{}{}
	return func() { <-w.s.turn }
}

func TestGeneratedPolicy(t *testing.T) {
	w := newWorld(t)
	id := w.started(request(""))
	w.s.ended.Wait()
	out := w.got(id)
	if *out.JobDetails.Status != "SUCCEEDED" || out.JobDetails.CompletedOn == nil || len(out.GeneratedPolicyResult.GeneratedPolicies) != 1 || !*out.GeneratedPolicyResult.Properties.IsComplete {
		t.Fatalf("%+v, %+v", out.JobDetails, out.GeneratedPolicyResult)
	}
	text := *out.GeneratedPolicyResult.GeneratedPolicies[0].Policy
	if !strings.Contains(text, `"Resource": "arn:aws:s3:::b/*"`) || strings.Contains(text, "sqs") {
		t.Error(text)
	}
	if out.GeneratedPolicyResult.Properties.CloudTrailProperties != nil {
		t.Error("it tells of a time that nobody asked for")
	}
}

func trailOf(from, to int) *api.CloudTrailDetails {
	return &api.CloudTrailDetails{
		AccessRole: awsapi.Ptr(role), Trails: []*api.Trail{{CloudTrailArn: awsapi.Ptr("arn:aws:cloudtrail:us-east-1:123456789012:trail/t")}},
		StartTime: awsapi.Ptr(noon.Add(time.Duration(from) * time.Hour)), EndTime: awsapi.Ptr(noon.Add(time.Duration(to) * time.Hour)),
	}
}

func TestTheTimeCounts(t *testing.T) {
	w := newWorld(t)
	in := request("")
	in.CloudTrailDetails = trailOf(1, 2)
	id := w.started(in)
	w.s.ended.Wait()
	out := w.got(id)
	text := *out.GeneratedPolicyResult.GeneratedPolicies[0].Policy
	props := out.GeneratedPolicyResult.Properties.CloudTrailProperties
	if !strings.Contains(text, "b/k1") || strings.Contains(text, "b/k2") || props == nil || len(props.TrailProperties) != 0 || !props.StartTime.Equal(noon.Add(time.Hour)) {
		t.Errorf("%s, %+v", text, props)
	}
	in.CloudTrailDetails = trailOf(2, 1)
	if _, code := do(w, w.Root(), api.OpStartPolicyGeneration, in); code != "ValidationException" {
		t.Error(code)
	}
}

func TestNothingWasDone(t *testing.T) {
	w := newWorld(t)
	in := request("")
	in.PolicyGenerationDetails.PrincipalArn = awsapi.Ptr(role + "-idle")
	id := w.started(in)
	w.s.ended.Wait()
	if out := w.got(id); *out.JobDetails.Status != "SUCCEEDED" || len(out.GeneratedPolicyResult.GeneratedPolicies) != 0 {
		t.Errorf("%+v", out)
	}
}

func TestWhoMayStart(t *testing.T) {
	w := newWorld(t)
	start := `{"Effect":"Allow","Action":"access-analyzer:*","Resource":"*"}`
	read := `{"Effect":"Allow","Action":"cloister:ListPrincipalActivity","Resource":"` + role + `"}`
	pass := `{"Effect":"Allow","Action":"iam:PassRole","Resource":"` + role + `","Condition":{"StringEquals":{"iam:PassedToService":"access-analyzer.amazonaws.com"}}}`
	for name, c := range map[string]struct {
		policy string
		trail  bool
		ok     bool
	}{
		"may start, not read": {start, false, false},
		"may read, not start": {read, false, false},
		"may":                 {start + "," + read, false, true},
		"may not pass":        {start + "," + read, true, false},
		"may pass":            {start + "," + read + "," + pass, true, true},
	} {
		in := request("")
		if c.trail {
			in.CloudTrailDetails = trailOf(0, 9)
		}
		u := w.User(strings.ReplaceAll(name, " ", "-"), `{"Version":"2012-10-17","Statement":[`+c.policy+`]}`)
		if _, code := do(w, u, api.OpStartPolicyGeneration, in); (code == "") != c.ok || code != "" && !strings.HasPrefix(code, "AccessDenied") {
			t.Errorf("%s: %q", name, code)
		}
	}
	w.s.ended.Wait()
}

func TestAClientTokenIsOneJob(t *testing.T) {
	w := newWorld(t)
	id := w.started(request("once"))
	if again := w.started(request("once")); again != id {
		t.Errorf("%s, then %s", id, again)
	}
	other := request("once")
	other.PolicyGenerationDetails.PrincipalArn = awsapi.Ptr(role + "2")
	if _, code := do(w, w.Root(), api.OpStartPolicyGeneration, other); code != "ConflictException" {
		t.Error(code)
	}
	w.s.ended.Wait()
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	free := w.busy()
	id := w.started(request(""))
	if s := *w.got(id).JobDetails.Status; s != "IN_PROGRESS" {
		t.Error(s)
	}
	cancel := &api.CancelPolicyGenerationRequest{JobId: &id}
	if _, code := do(w, w.Root(), api.OpCancelPolicyGeneration, cancel); code != "" {
		t.Fatal(code)
	}
	w.s.ended.Wait() // it ends without its turn
	free()
	if s := *w.got(id).JobDetails.Status; s != "CANCELED" {
		t.Error(s)
	}
	if _, code := do(w, w.Root(), api.OpCancelPolicyGeneration, cancel); code != "ValidationException" {
		t.Error(code)
	}
}

func TestAFewAtATime(t *testing.T) {
	w := newWorld(t)
	free := w.busy()
	for range mostJobs {
		w.started(request(""))
	}
	if _, code := do(w, w.Root(), api.OpStartPolicyGeneration, request("")); code != "ServiceQuotaExceededException" {
		t.Error(code)
	}
	elsewhere := &job{ID: "x", Account: w.Root().Account, Region: "elsewhere", Started: time.Now()}
	if err := w.DB.Update(context.Background(), func(tx *store.Tx) error { _, err := elsewhere.insert(tx); return err }); err == nil {
		t.Error("more may be in progress in another Region")
	}
	free()
	w.s.ended.Wait()
	w.started(request(""))
	w.s.ended.Wait()
}

// A job whose node stopped is failed by the next start, or once it is late.
func TestWhatTheNodeLeft(t *testing.T) {
	w := newWorld(t)
	free := w.busy()
	id := w.started(request(""))
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	free()
	if s := *w.got(id).JobDetails.Status; s != "IN_PROGRESS" {
		t.Error(s)
	}
	again := New(w.DB)
	if err := again.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	out := w.got(id)
	if *out.JobDetails.Status != "FAILED" || *out.JobDetails.JobError.Code != "SERVICE_ERROR" || out.JobDetails.CompletedOn == nil {
		t.Errorf("%+v", out.JobDetails)
	}
	j := job{Status: "IN_PROGRESS", Started: noon}
	if j.seen(noon.Add(jobLimit)).Status != "IN_PROGRESS" || j.seen(noon.Add(jobLimit+2*time.Minute)).Status != "FAILED" {
		t.Error("a late job has no end")
	}
}

// Who loses the permission meanwhile has no policy.
func TestThePermissionIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	u := w.User("u", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["access-analyzer:*","cloister:*"],"Resource":"*"}}`)
	free := w.busy()
	out, code := do(w, u, api.OpStartPolicyGeneration, request(""))
	if code != "" {
		t.Fatal(code)
	}
	w.User("u", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
	free()
	w.s.ended.Wait()
	if d := w.got(*out.JobId).JobDetails; *d.Status != "FAILED" || *d.JobError.Code != "AUTHORIZATION_ERROR" {
		t.Errorf("%+v %+v", d, d.JobError)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for range 3 {
		ids = append([]string{w.started(request(""))}, ids...)
	}
	other := request("")
	other.PolicyGenerationDetails.PrincipalArn = awsapi.Ptr(role + "2")
	w.started(other)
	w.s.ended.Wait()
	in := &api.ListPolicyGenerationsRequest{PrincipalArn: awsapi.Ptr(role), MaxResults: awsapi.Ptr(int64(2))}
	var got []string
	for {
		out, code := do(w, w.Root(), api.OpListPolicyGenerations, in)
		if code != "" {
			t.Fatal(code)
		}
		for _, g := range out.PolicyGenerations {
			got = append(got, *g.JobId)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(ids) {
		t.Errorf("listed %v, want %v", got, ids)
	}
	if _, code := do(w, w.Root(), api.OpGetGeneratedPolicy, &api.GetGeneratedPolicyRequest{JobId: awsapi.Ptr("no such job")}); code != "ValidationException" {
		t.Error(code)
	}
}

func TestJobsEndAfterAWeek(t *testing.T) {
	w := newWorld(t)
	old := &job{ID: "x", Account: doortest.Account, Region: doortest.Region, Status: "SUCCEEDED", Started: time.Now().Add(-keepFor - time.Minute)}
	if err := w.DB.Update(context.Background(), func(tx *store.Tx) error { return jobs.Put(tx, old.key(), old) }); err != nil {
		t.Fatal(err)
	}
	if _, code := do(w, w.Root(), api.OpGetGeneratedPolicy, &api.GetGeneratedPolicyRequest{JobId: &old.ID}); code != "ValidationException" {
		t.Error(code)
	}
}
