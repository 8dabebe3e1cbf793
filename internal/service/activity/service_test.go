package activity

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

const role = "arn:aws:iam::123456789012:role/r"

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// world is a door with the service, whose pages are small.
type world struct {
	*doortest.Harness
	t *testing.T
	s *Service
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, Harness: doortest.New(t, []*awsapi.Service{&platform.Service})}
	w.s = New(w.Audit)
	w.s.Register(w.Door)
	return w
}

// did puts a call of a role into the log, minutes after noon.
func (w *world) did(role string, minutes int, outcome audit.Outcome, needs ...audit.Need) {
	w.t.Helper()
	rec := &audit.Record{
		Time: noon.Add(time.Duration(minutes) * time.Minute), EventSource: "s3.amazonaws.com", EventName: "GetObject", Outcome: outcome, Needs: needs,
		Principal: audit.Principal{Type: "AssumedRole", ARN: "arn:aws:sts::123456789012:assumed-role/r/s", RoleARN: role},
	}
	if err := w.Audit.Append(rec); err != nil {
		w.t.Fatal(err)
	}
}

func used(resource string) audit.Need {
	return audit.Need{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/" + resource, Allowed: true, Reason: "allowed by an identity-based policy", Policy: "p"}
}

func lacked(resource string) audit.Need {
	return audit.Need{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/" + resource, Reason: "no identity-based policy allows"}
}

// all asks page by page and adds the pages up, "action resource allowed" by count.
func (w *world) all(in platform.ListPrincipalActivityRequest) (sum map[string]int64, pages int) {
	w.t.Helper()
	in.Principal = awsapi.Ptr(role)
	sum = map[string]int64{}
	for {
		out, err := door.Do(context.Background(), w.Door, w.Root(), platform.OpListPrincipalActivity, &in)
		if err != nil {
			w.t.Fatal(err)
		}
		if out.Scanned > w.s.records || len(out.Activity) > w.s.entries+64 {
			w.t.Errorf("a page of %d records, %d entries", out.Scanned, len(out.Activity))
		}
		for _, a := range out.Activity {
			sum[fmt.Sprint(a.Action, " ", a.Resource, " ", a.Allowed)] += a.Count
		}
		pages++
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return sum, pages
		}
	}
}

func (w *world) want(in platform.ListPrincipalActivityRequest, want map[string]int64) {
	w.t.Helper()
	got, _ := w.all(in)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWhatARoleDid(t *testing.T) {
	w := newWorld(t)
	w.did(role, 0, audit.Allowed, used("a"), used("b"))
	w.did(role, 1, audit.Failed, used("a"))
	w.did(role, 2, audit.Denied, used("c"), lacked("d"))
	w.did(role+"2", 3, audit.Allowed, used("e"))
	w.did("", 3, audit.Allowed, used("f"))
	w.did(role, 4, audit.Allowed)
	w.want(platform.ListPrincipalActivityRequest{}, map[string]int64{
		"s3:GetObject arn:aws:s3:::b/a true": 2, "s3:GetObject arn:aws:s3:::b/b true": 1, "s3:GetObject arn:aws:s3:::b/d false": 1,
	})
	out, err := w.s.page(context.Background(), &query{principal: role}, 0, w.Audit.Size())
	if err != nil {
		t.Fatal(err)
	}
	if a := out.Activity[0]; a.Reason != "allowed by an identity-based policy" || a.Policy != "p" || !a.First.Equal(noon) || !a.Last.Equal(noon.Add(time.Minute)) {
		t.Errorf("%+v", a)
	}
}

// A federated user's RoleARN is the user who vouches.
func TestAFederatedUserIsNoRole(t *testing.T) {
	w := newWorld(t)
	rec := &audit.Record{Outcome: audit.Allowed, Needs: []audit.Need{used("a")}, Principal: audit.Principal{Type: "FederatedUser", RoleARN: role}}
	if err := w.Audit.Append(rec); err != nil {
		t.Fatal(err)
	}
	w.want(platform.ListPrincipalActivityRequest{}, nil)
}

func TestWhatAUserDid(t *testing.T) {
	w := newWorld(t)
	user := "arn:aws:iam::123456789012:user/u"
	rec := &audit.Record{Outcome: audit.Allowed, Needs: []audit.Need{used("a")}, Principal: audit.Principal{Type: "IAMUser", ARN: user}}
	if err := w.Audit.Append(rec); err != nil {
		t.Fatal(err)
	}
	out, err := door.Do(context.Background(), w.Door, w.Root(), platform.OpListPrincipalActivity, &platform.ListPrincipalActivityRequest{Principal: &user})
	if err != nil || len(out.Activity) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestTimes(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		w.did(role, i, audit.Allowed, used("a"))
		w.did(role, i-14, audit.Allowed, used("late")) // a long call, written when it ended
	}
	w.s.records = 7
	between := func(from, to int) platform.ListPrincipalActivityRequest {
		return platform.ListPrincipalActivityRequest{
			Since: awsapi.Ptr(noon.Add(time.Duration(from) * time.Minute)), Until: awsapi.Ptr(noon.Add(time.Duration(to) * time.Minute)),
		}
	}
	for _, c := range [][2]int{{0, 300}, {100, 200}, {250, 260}, {0, 1}} {
		n := int64(c[1] - c[0])
		w.want(between(c[0], c[1]), map[string]int64{"s3:GetObject arn:aws:s3:::b/a true": n, "s3:GetObject arn:aws:s3:::b/late true": min(n, int64(286-c[0]))})
	}
	w.want(between(500, 600), nil)
	if from, err := w.s.seek(context.Background(), noon.Add(250*time.Minute), w.Audit.Size()); err != nil || from < 300 {
		t.Errorf("it begins to read at %d, %v", from, err)
	}
}

func TestPagesAreBounded(t *testing.T) {
	w := newWorld(t)
	for i := range 50 {
		w.did(role, 0, audit.Allowed, used(fmt.Sprint(i)))
	}
	w.s.entries = 4
	if sum, pages := w.all(platform.ListPrincipalActivityRequest{}); len(sum) != 50 || pages != 13 {
		t.Errorf("%d permissions on %d pages", len(sum), pages)
	}
	w.s.records, w.s.entries = 10, 1000
	// the calls of the pages before are in the log by now, and in none of the pages
	if sum, pages := w.all(platform.ListPrincipalActivityRequest{}); len(sum) != 50 || pages != 7 {
		t.Errorf("%d permissions on %d pages", len(sum), pages)
	}
}

func TestWhatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.did(role, 0, audit.Allowed, used("a"))
	for name, in := range map[string]platform.ListPrincipalActivityRequest{
		"no role":          {},
		"no ARN":           {Principal: awsapi.Ptr("a role without an ARN")},
		"no time between":  {Principal: awsapi.Ptr(role), Since: &noon, Until: &noon},
		"no token":         {Principal: awsapi.Ptr(role), NextToken: awsapi.Ptr("x")},
		"half a token":     {Principal: awsapi.Ptr(role), NextToken: awsapi.Ptr("AAAAAAAAAAA")},
		"token of nothing": {Principal: awsapi.Ptr(role), NextToken: awsapi.Ptr(token(0, 1<<40))},
		"negative token":   {Principal: awsapi.Ptr(role), NextToken: awsapi.Ptr(token(-1, 1))},
		"backward token":   {Principal: awsapi.Ptr(role), NextToken: awsapi.Ptr(token(1, 0))},
	} {
		_, err := door.Do(context.Background(), w.Door, w.Root(), platform.OpListPrincipalActivity, &in)
		var wire *awsapi.Error
		if !errors.As(err, &wire) || wire.Code != "ValidationException" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestThePermissionIsOnTheRole(t *testing.T) {
	w := newWorld(t)
	u := w.User("u", `{"Statement":{"Effect":"Allow","Action":"cloister:ListPrincipalActivity","Resource":"`+role+`"}}`)
	for arn, ok := range map[string]bool{role: true, role + "2": false} {
		_, err := door.Do(context.Background(), w.Door, u, platform.OpListPrincipalActivity, &platform.ListPrincipalActivityRequest{Principal: &arn})
		if (err == nil) != ok {
			t.Errorf("%s: %v", arn, err)
		}
	}
}
