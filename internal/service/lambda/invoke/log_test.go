package invoke

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloister/internal/redact"
)

// plain takes out of a log what is random.
func plain(s string) string {
	for _, r := range [][2]string{
		{`00000000-0000-4000-8000-\d{12}`, "ID"},
		{`runtime:[0-9a-f]{64}`, "runtime:HASH"},
	} {
		s = regexp.MustCompile(r[0]).ReplaceAllString(s, r[1])
	}
	return s
}

const initStartLine = "INIT_START Runtime Version: provided.al2023.v\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:HASH\n"

func TestTheLogOfAFunction(t *testing.T) {
	cases := []struct {
		name    string
		program func(*program)
		calls   int
		want    string
	}{
		{"a cold and a warm call", func(r *program) {
			r.print("initialising\n")
			r.sleep(250 * time.Millisecond)
			for {
				id, _ := r.next()
				r.print("one\ntwo, ")
				r.print("and the end of two\nno line end")
				r.sleep(1500 * time.Microsecond)
				r.respond(id, "{}")
			}
		}, 2, initStartLine + "initialising\n" +
			"START RequestId: ID Version: $LATEST\none\ntwo, and the end of two\nno line endEND RequestId: ID\n" +
			"REPORT RequestId: ID\tDuration: 1.50 ms\tBilled Duration: 252 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\tInit Duration: 250.00 ms\t\n" +
			"START RequestId: ID Version: $LATEST\none\ntwo, and the end of two\nno line endEND RequestId: ID\n" +
			"REPORT RequestId: ID\tDuration: 1.50 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\t\n"},
		{"a timeout", func(r *program) { r.next(); r.print("working\n"); r.sleep(time.Hour) }, 1,
			initStartLine + "START RequestId: ID Version: $LATEST\nworking\n2000-01-01T00:00:03.000Z ID Task timed out after 3.00 seconds\n\n" +
				"END RequestId: ID\nREPORT RequestId: ID\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\tStatus: timeout\n"},
		{"a crash", func(r *program) { r.next(); r.exit(1) }, 1,
			initStartLine + "START RequestId: ID Version: $LATEST\nRequestId: ID Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n" +
				"END RequestId: ID\nREPORT RequestId: ID\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\tStatus: error\tError Type: Runtime.ExitError\n"},
		{"a failed initialisation", func(r *program) {
			r.print("[ERROR] no\n")
			r.sleep(10 * time.Millisecond)
			r.post(pathInitError, `{"errorType":"Runtime.X"}`)
			r.exit(1)
		}, 1, initStartLine + "[ERROR] no\nINIT_REPORT Init Duration: 10.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.X\n" +
			initStartLine + "[ERROR] no\nINIT_REPORT Init Duration: 10.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.X\n" +
			"START RequestId: ID Version: $LATEST\nEND RequestId: ID\n" +
			"REPORT RequestId: ID\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\tStatus: error\tError Type: Runtime.X\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newTestFleet(t, c.program)
				for range c.calls {
					_, _ = f.Invoke(t.Context(), f.fn, request("{}"))
					synctest.Wait()
				}
				f.shutdown(t)
				if got := plain(f.logs.text()); got != c.want {
					t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
				}
				checkBatches(t, f)
			})
		})
	}
}

// checkBatches is that every batch says whose it is, in a stream named as AWS
// names them.
func checkBatches(t *testing.T, f *testFleet) {
	t.Helper()
	name := regexp.MustCompile(`^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$`)
	for _, b := range f.logs.batches {
		if b.Group != "/aws/lambda/f" || !name.MatchString(b.Stream) || b.Account != f.fn.Account || b.Region != f.fn.Region || b.FunctionARN != f.fn.ARN {
			t.Errorf("a batch of %s %s %s %s %s", b.Account, b.Region, b.FunctionARN, b.Group, b.Stream)
		}
	}
}

func TestLinesReachTheSinkSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFleet(t, echo)
		defer f.shutdown(t)
		_, _ = f.Invoke(t.Context(), f.fn, request("{}"))
		time.Sleep(250 * time.Millisecond)
		if got := f.logs.text(); !strings.Contains(got, "REPORT") {
			t.Errorf("after a quarter of a second the sink has %q", got)
		}
	})
}

func TestTheTailIsTheEndOfThisInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFleet(t, func(r *program) {
			for {
				id, payload := r.next()
				r.print(strings.Repeat(payload+"\n", 2000))
				r.respond(id, "{}")
			}
		})
		defer f.shutdown(t)
		req := request("before")
		_, _ = f.Invoke(t.Context(), f.fn, req)
		for range 2 {
			req = request("now")
			req.LogTail = true
			res, err := f.Invoke(t.Context(), f.fn, req)
			if err != nil {
				t.Fatal(err)
			}
			got := string(res.LogTail)
			if len(got) != MaxTail || strings.Contains(got, "before") || !strings.HasSuffix(got, "\t\n") ||
				!strings.Contains(got, "END RequestId: "+req.RequestID) {
				t.Errorf("a tail of %d bytes ends %q", len(got), got[max(0, len(got)-200):])
			}
		}
	})
}

func TestAFunctionThatFloodsItsLogIsTold(t *testing.T) {
	l := &logger{sink: &memoryLogs{}, wake: make(chan struct{}, 1)}
	loud, quiet := &logStream{}, &logStream{}
	line := LogEvent{time.Now().Add(time.Hour), strings.Repeat("x", 1<<20)} // the clock was set back since
	for range 7 {
		l.add(loud, line)
	}
	l.add(quiet, LogEvent{time.Now(), "still here\n"})
	batches := l.take()
	if len(batches) != 2 || len(batches[0].Events) != 5 || !strings.Contains(batches[0].Events[4].Message, "3 log events were dropped") {
		t.Errorf("got %d batches, the first of %d events", len(batches), len(batches[0].Events))
	}
	if events := batches[0].Events; events[4].Time.Before(events[3].Time) {
		t.Errorf("what was dropped has a time of %v, after %v", events[4].Time, events[3].Time)
	}
	if got := batches[1].Events[0].Message; got != "still here\n" {
		t.Errorf("the other function's log: %q", got)
	}
	if l.bytes != 0 || len(l.take()) != 0 {
		t.Error("something is left after it was taken")
	}
}

// failingSink fails with an effect named by its error.
type failingSink struct{ n int }

func (f *failingSink) PutLogs(context.Context, []LogBatch) error {
	f.n++
	return fmt.Errorf("disk full")
}

func TestAFailingSinkStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &failingSink{}
		f := newTestFleet(t, echo, func(o *Options) { o.Logs = sink; o.Slog = slog.New(slog.NewTextHandler(io.Discard, nil)) })
		for range 3 {
			if got := outcome(f.Invoke(t.Context(), f.fn, request("1"))); got != "1" {
				t.Error(got)
			}
			time.Sleep(time.Second)
		}
		f.shutdown(t)
		if sink.n < 3 {
			t.Errorf("the sink was asked %d times", sink.n)
		}
	})
}

// The order of what a program wrote before and what the platform says after,
// through a real pipe, whose reader may be late.
func TestThePlatformNeverOvertakesTheFunction(t *testing.T) {
	var got []string
	o, w, err := newOutput(func(e LogEvent) { got = append(got, e.Message) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 500 {
		line := fmt.Sprintf("line %d\n", i)
		_, _ = io.WriteString(w, line)
		o.say(time.Now(), "said\n")
		want = append(want, line, "said\n")
	}
	_ = w.Close()
	<-o.done
	if strings.Join(got, "") != strings.Join(want, "") {
		t.Error("the lines are out of order")
	}
}

func TestALineIsCutAtTheLongestEvent(t *testing.T) {
	var got []int
	o, w, err := newOutput(func(e LogEvent) { got = append(got, len(e.Message)) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(make([]byte, 2*maxLine+10))
	_ = w.Close()
	<-o.done
	if fmt.Sprint(got) != fmt.Sprint([]int{maxLine, maxLine, 10}) {
		t.Errorf("events of %v bytes", got)
	}
}

// CloudWatch Logs refuses a batch whose times go back.
func TestTheTimesOfALogNeverGoBack(t *testing.T) {
	var got []int64
	o, w, err := newOutput(func(e LogEvent) { got = append(got, e.Time.UnixMilli()) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	o.say(now.Add(time.Hour), "the clock was set back after this\n")
	o.begin(now, "START\n", nil)
	_, _ = io.WriteString(w, "output\n")
	o.end(now.Add(-time.Second), "END\n", "REPORT\n")
	_ = w.Close()
	<-o.done
	if len(got) != 5 || !slices.IsSorted(got) {
		t.Errorf("the times of the events are %v", got)
	}
}

func TestSecretsStayOutOfTheLog(t *testing.T) {
	const secret = "correct-horse-battery"
	var got []string
	secrets := new(redact.Secrets)
	o, w, err := newOutput(func(e LogEvent) { got = append(got, e.Message) }, secrets)
	if err != nil {
		t.Fatal(err)
	}
	var kept tail
	o.begin(time.Now(), "START\n", &kept)
	secrets.Add([]byte(secret))
	_, _ = io.WriteString(w, "whole "+secret+"\n")
	_, _ = io.WriteString(w, "split "+secret[:9])
	time.Sleep(10 * time.Millisecond) // the halves are read apart
	_, _ = io.WriteString(w, secret[9:]+"\n")
	// Across the place where a long line is cut.
	_, _ = io.WriteString(w, strings.Repeat("x", maxLine-10)+secret+strings.Repeat("y", maxLine)+"\n")
	_, _ = io.WriteString(w, "without a line end "+secret)
	o.end(time.Now(), "END\n")
	_ = w.Close()
	<-o.done
	all := strings.Join(got, "")
	if strings.Contains(all, secret) || strings.Contains(string(kept.b), secret) {
		t.Error("the secret is in the log")
	}
	if n := strings.Count(all, redact.Mark); n != 4 {
		t.Errorf("%d marks, want 4", n)
	}
	for _, want := range []string{"whole [redacted]\n", "split [redacted]\n", "without a line end [redacted]END\n"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing", want)
		}
	}
	for _, e := range got {
		if len(e) > maxLine {
			t.Errorf("an event of %d bytes", len(e))
		}
	}
}
