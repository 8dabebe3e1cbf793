package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

func rotating(h *harness) {
	h.t.Helper()
	create(h, "s", "old")
	do(h, h.t, api.OpRotateSecret, &api.RotateSecretRequest{
		SecretId: ptr("s"), RotationLambdaARN: ptr(function), RotationRules: &api.RotationRulesType{AutomaticallyAfterDays: ptr(int64(30))},
		ClientRequestToken: ptr("00000000-0000-0000-0000-00000000000a"),
	})
}

func rotated(h *harness) bool {
	h.t.Helper()
	return *do(h, h.t, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("s")}).SecretString != "old"
}

func TestRotationDoesItsSteps(t *testing.T) {
	h := newHarness(t)
	h.invoke = h.rotationFunction
	rotating(h)
	h.rotateDue(t.Context())
	var asked []string
	for _, e := range h.events {
		asked = append(asked, e.Step)
		if e.ClientRequestToken != "00000000-0000-0000-0000-00000000000a" {
			t.Errorf("%+v", e)
		}
	}
	if !slices.Equal(asked, steps) || !rotated(h) {
		t.Errorf("asked %v", asked)
	}
}

// Whichever step the process is killed in, before or after the function has done
// it, the next one ends the rotation.
func TestRotationSurvivesAKill(t *testing.T) {
	for step := range steps {
		for _, done := range []bool{false, true} {
			h := newHarness(t)
			ctx, kill := context.WithCancel(t.Context())
			h.invoke = func(e event) (bool, error) {
				if e.Step == steps[step] {
					kill()
					if !done {
						return false, errors.New("killed")
					}
				}
				return h.rotationFunction(e)
			}
			rotating(h)
			h.rotateDue(ctx)
			h.check(t)
			h.invoke = h.rotationFunction
			h.restart()
			h.rotateDue(t.Context())
			if !rotated(h) {
				t.Errorf("killed in %s (done: %v): it was not rotated", steps[step], done)
			}
			if n := len(do(h, t, api.OpListSecretVersionIds, &api.ListSecretVersionIdsRequest{SecretId: ptr("s"), IncludeDeprecated: ptr(true)}).Versions); n != 2 {
				t.Errorf("killed in %s: %d versions", steps[step], n)
			}
			d := do(h, t, api.OpDescribeSecret, &api.DescribeSecretRequest{SecretId: ptr("s")})
			if d.LastRotatedDate == nil {
				t.Errorf("killed in %s: it does not know that it was rotated", steps[step])
			}
		}
	}
}

func TestRotationIsTriedAgain(t *testing.T) {
	h := newHarness(t)
	failures := 0
	h.invoke = func(e event) (bool, error) {
		if e.Step == "testSecret" && failures < 3 {
			failures++
			return true, nil
		}
		return h.rotationFunction(e)
	}
	rotating(h)
	for _, wait := range []time.Duration{0, time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if rotated(h) {
			t.Fatal("too early")
		}
		h.pass(wait)
		h.rotateDue(t.Context())
	}
	if !rotated(h) || failures != 3 {
		t.Errorf("not rotated after %d failures", failures)
	}
}

// A function that never succeeds is left alone until the next time, and then
// goes on with the version that it began.
func TestRotationGivesUp(t *testing.T) {
	h := newHarness(t)
	h.invoke = func(event) (bool, error) { return true, nil }
	rotating(h)
	for range 12 {
		h.rotateDue(t.Context())
		h.pass(time.Hour)
	}
	if n := len(h.events); n != attempts {
		t.Errorf("%d attempts", n)
	}
	h.invoke = h.rotationFunction
	h.rotateDue(t.Context())
	if rotated(h) {
		t.Error("rotated before its day")
	}
	h.pass(31 * 24 * time.Hour)
	h.rotateDue(t.Context())
	if !rotated(h) || h.events[len(h.events)-1].ClientRequestToken != "00000000-0000-0000-0000-00000000000a" {
		t.Error("it was not taken up again")
	}
}

// A function that says it is done and is not is a failure.
func TestRotationThatDoesNothing(t *testing.T) {
	h := newHarness(t)
	h.invoke = func(event) (bool, error) { return false, nil }
	rotating(h)
	h.rotateDue(t.Context())
	d := do(h, t, api.OpDescribeSecret, &api.DescribeSecretRequest{SecretId: ptr("s")})
	if rotated(h) || d.LastRotatedDate != nil {
		t.Error("it counts as rotated")
	}
	h.pass(time.Minute)
	h.rotateDue(t.Context())
	if len(h.events) != 2*len(steps) {
		t.Errorf("%d calls", len(h.events))
	}
}

func TestACancelledRotationStops(t *testing.T) {
	h := newHarness(t)
	h.invoke = func(e event) (bool, error) {
		if e.Step == "setSecret" {
			do(h, t, api.OpCancelRotateSecret, &api.CancelRotateSecretRequest{SecretId: ptr("s")})
		}
		return h.rotationFunction(e)
	}
	rotating(h)
	h.rotateDue(t.Context())
	d := do(h, t, api.OpDescribeSecret, &api.DescribeSecretRequest{SecretId: ptr("s")})
	if *d.RotationEnabled || d.LastRotatedDate != nil || d.NextRotationDate != nil {
		t.Errorf("%+v", d)
	}
}

// A change of the schedule, or a secret brought back that was not away, leaves a
// rotation that is under way alone.
func TestARotationUnderWayGoesOn(t *testing.T) {
	for name, meddle := range map[string]func(h *harness){
		"schedule": func(h *harness) {
			do(h, t, api.OpRotateSecret, &api.RotateSecretRequest{SecretId: ptr("s"), RotateImmediately: ptr(false), RotationRules: &api.RotationRulesType{AutomaticallyAfterDays: ptr(int64(7))}})
		},
		"restore": func(h *harness) { do(h, t, api.OpRestoreSecret, &api.RestoreSecretRequest{SecretId: ptr("s")}) },
	} {
		h := newHarness(t)
		h.invoke = func(e event) (bool, error) {
			meddle(h)
			return h.rotationFunction(e)
		}
		rotating(h)
		h.rotateDue(t.Context())
		d := do(h, t, api.OpDescribeSecret, &api.DescribeSecretRequest{SecretId: ptr("s")})
		if !rotated(h) || d.LastRotatedDate == nil || len(h.events) != len(steps) {
			t.Errorf("%s: %d steps were asked for: %+v", name, len(h.events), d)
		}
		h.pass(6 * 24 * time.Hour)
		h.rotateDue(t.Context())
		if len(h.events) != len(steps) {
			t.Errorf("%s: it is rotated before its time", name)
		}
		h.pass(25 * 24 * time.Hour)
		h.rotateDue(t.Context())
		if len(h.events) == len(steps) {
			t.Errorf("%s: it is not rotated again", name)
		}
	}
}

// Functions that do not answer hold up the rotations of their own account only.
func TestSlowRotationsHoldUpNobodyElse(t *testing.T) {
	h := newHarness(t)
	there := &door.Principal{Principal: policy.Principal{Kind: policy.PrincipalRoot, ARN: "arn:aws:iam::" + neighbour + ":root", Account: neighbour, UserID: neighbour}}
	slow := make(chan struct{})
	h.invoke = func(e event) (bool, error) {
		if strings.Contains(e.SecretID, neighbour) {
			return h.rotationStep(there, e)
		}
		<-slow
		return h.rotationFunction(e)
	}
	begin := func(who *door.Principal, name string) {
		if _, err := try(h, who, api.OpCreateSecret, &api.CreateSecretRequest{Name: &name, SecretString: ptr("old")}); err != nil {
			t.Fatal(err)
		}
		if _, err := try(h, who, api.OpRotateSecret, &api.RotateSecretRequest{SecretId: &name, RotationLambdaARN: ptr(function), RotationRules: &api.RotationRulesType{AutomaticallyAfterDays: ptr(int64(30))}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range perAccount + 3 {
		begin(h.root, fmt.Sprint("slow", i))
	}
	h.service.startDue(t.Context())
	h.service.start(t.Context(), doortest.Account)
	if n := h.service.lanes.busy[doortest.Account]; n != perAccount {
		t.Errorf("%d rotations of one account run at once", n)
	}
	begin(there, "quick")
	h.service.start(t.Context(), neighbour)
	for {
		got, err := try(h, there, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("quick")})
		if err != nil {
			t.Fatal(err)
		}
		if *got.SecretString != "old" {
			break
		}
		runtime.Gosched()
	}
	close(slow)
	h.service.lanes.all.Wait()
	if want := (perAccount + 4) * len(steps); len(h.events) != want {
		t.Errorf("%d steps were asked for, of %d", len(h.events), want)
	}
}

// Two nodes on one database ask for each step once. A holder that is silent for
// its lease loses the rotation, and what it does then changes nothing.
func TestOneHolderRotates(t *testing.T) {
	h := newHarness(t)
	other := New(h.DB)
	other.now, other.door = h.now, h.Door
	elsewhere := func() { other.startDue(t.Context()); other.lanes.all.Wait() }
	h.invoke = func(e event) (bool, error) {
		elsewhere()
		return h.rotationFunction(e)
	}
	rotating(h)
	h.rotateDue(t.Context())
	if !rotated(h) || len(h.events) != len(steps) {
		t.Fatalf("asked for %v", h.events)
	}

	depth := 0
	h.invoke = func(e event) (bool, error) {
		if depth++; depth == 1 {
			h.pass(lease)
			elsewhere()
		}
		return true, nil
	}
	do(h, t, api.OpRotateSecret, &api.RotateSecretRequest{SecretId: ptr("s")})
	h.rotateDue(t.Context())
	j := h.job("s")
	if depth != 2 || j.Failed != 1 || j.Holder != "" {
		t.Errorf("asked %d times: %+v", depth, j)
	}
	h.invoke = h.rotationFunction
	h.pass(firstDelay)
	h.rotateDue(t.Context())
	if j := h.job("s"); j.Token != "" || j.Failed != 0 || j.Holder != "" {
		t.Errorf("%+v", j)
	}
}

// job is what is stored of a secret's rotation.
func (h *harness) job(name string) (j *job) {
	h.t.Helper()
	err := h.DB.View(h.t.Context(), func(r store.Reader) (err error) {
		j, err = jobs.Get(r, store.K(doortest.Account, "us-east-1", name))
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return j
}

// A holder that works keeps its lease.
func TestALeaseIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		rotating(h)
		row, j, err := h.service.claim(t.Context(), "123456789012")
		if err != nil || row == nil {
			t.Fatal(row, err)
		}
		held, stop := h.service.hold(t.Context(), j)
		for range 10 {
			h.pass(lease / 3)
			time.Sleep(lease / 3)
			synctest.Wait()
			if _, other, err := h.service.claim(t.Context(), "123456789012"); err != nil || other != nil || held.Err() != nil {
				t.Fatalf("the lease was lost: %v, %v", held.Err(), err)
			}
		}
		do(h, t, api.OpCancelRotateSecret, &api.CancelRotateSecretRequest{SecretId: ptr("s")})
		time.Sleep(lease / 3)
		synctest.Wait()
		if held.Err() == nil {
			t.Error("a rotation that was cancelled is held")
		}
		stop()
	})
}

func TestRunRotates(t *testing.T) {
	h := newHarness(t)
	done := make(chan struct{})
	h.invoke = func(e event) (bool, error) {
		failed, err := h.rotationFunction(e)
		if e.Step == "finishSecret" {
			close(done)
		}
		return failed, err
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { h.service.Run(ctx); close(ended) }()
	rotating(h)
	<-done
	stop()
	<-ended
	if !rotated(h) {
		t.Error("not rotated")
	}
}

// TestSchedules has expressions, a time, and the next window.
func TestSchedules(t *testing.T) {
	at := func(s string) time.Time {
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c := range []struct{ schedule, after, start string }{
		{"rate(10 days)", "2026-01-02T03:04:05Z", "2026-01-12T00:00:00Z"},
		{"rate(1 day)", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
		{"rate(4 hours)", "2026-01-02T03:04:05Z", "2026-01-02T07:00:00Z"},
		{"cron(0 10 * * ? *)", "2026-01-02T10:00:00Z", "2026-01-03T10:00:00Z"},
		{"cron(0 10 * * ? *)", "2026-01-02T09:59:59Z", "2026-01-02T10:00:00Z"},
		{"cron(0 18 ? * SUN *)", "2026-01-02T03:04:05Z", "2026-01-04T18:00:00Z"},
		{"cron(0 18 ? * MON-FRI *)", "2026-01-02T18:00:00Z", "2026-01-05T18:00:00Z"},
		{"cron(0 8 1 */3 ? *)", "2026-01-02T03:04:05Z", "2026-04-01T08:00:00Z"},
		{"cron(0 0 L * ? *)", "2026-02-02T03:04:05Z", "2026-02-28T00:00:00Z"},
		{"cron(0 0 29 2 ? *)", "2026-02-02T03:04:05Z", "2028-02-29T00:00:00Z"},
		{"cron(0 16 ? * 6#3 *)", "2026-01-02T03:04:05Z", "2026-01-16T16:00:00Z"},
		{"cron(0 16 ? * 6L *)", "2026-01-02T03:04:05Z", "2026-01-30T16:00:00Z"},
		{"cron(0 8,20 ? JAN,jul 2 2027)", "2026-01-02T03:04:05Z", "2027-01-04T08:00:00Z"},
		{"cron(0 0/6 * * ? *)", "2026-01-02T03:04:05Z", "2026-01-02T06:00:00Z"},
	} {
		r := rules{Schedule: c.schedule}
		if err := r.check(); err != nil {
			t.Errorf("%s: %v", c.schedule, err)
			continue
		}
		if start, end := r.next(at(c.after)); !start.Equal(at(c.start)) || !end.After(start) {
			t.Errorf("%s after %s: %s to %s", c.schedule, c.after, start, end)
		}
	}
	for _, bad := range []string{
		"", "daily", "rate()", "rate(0 days)", "rate(1000 days)", "rate(3 hours)", "rate(5 minutes)", "cron(0 10 * * * *)", "cron(0 10 ? * ? *)",
		"cron(0 24 * * ? *)", "cron(0 10 32 * ? *)", "cron(0 10 * 13 ? *)", "cron(* 10 * * ? *)", "cron(0 10 * * ? 1969)", "cron(0 10 * * ?)",
		"cron(0 9-8 * * ? *)", "cron(0 10 ? * 8 *)", "cron(0 10 ? * 1#6 *)", "cron(0 */0 * * ? *)", "cron(0 x * * ? *)",
	} {
		if err := (rules{Schedule: bad}).check(); err == nil && bad != "" {
			t.Errorf("%q is taken", bad)
		}
	}
	if start, _ := (rules{Schedule: "cron(0 0 1 1 ? 1980)"}).next(start); !start.IsZero() {
		t.Errorf("a year that is over: %s", start)
	}
}

func FuzzCron(f *testing.F) {
	f.Add("cron(0 8 1 */3 ? *)")
	f.Add("cron(0 16 ? * 6#3 2027)")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCron(text)
		if err != nil {
			return
		}
		if at := c.next(start); !at.IsZero() && (!at.After(start) || at.Minute() != 0) {
			t.Errorf("%q gives %s", text, at)
		}
	})
}
