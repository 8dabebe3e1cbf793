package invoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cloister/internal/cell"
	"cloister/internal/service/lambda/runtimes"
)

// outcome is what a caller sees, without the parts that are random.
func outcome(res *Result, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	if res.FunctionError == "" {
		return string(res.Payload)
	}
	var doc struct{ ErrorType, ErrorMessage string }
	_ = json.Unmarshal(res.Payload, &doc)
	return res.FunctionError + " " + doc.ErrorType + ": " + doc.ErrorMessage
}

// Each case is a runtime as one could be written, and what its caller is told.
func TestWhatTheCallerIsTold(t *testing.T) {
	serve := func(answer func(r *program, id, payload string)) func(*program) {
		return func(r *program) {
			for {
				id, payload := r.next()
				answer(r, id, payload)
			}
		}
	}
	cases := []struct {
		name    string
		program func(*program)
		want    string
	}{
		{"an answer", echo, `{"a":1}`},
		{"an error", serve(func(r *program, id, _ string) {
			r.post(pathInvocation+id+"/error", `{"errorType":"ValueError","errorMessage":"no"}`)
		}), "Unhandled ValueError: no"},
		{"it exits with a status", func(r *program) { r.next(); r.exit(3) },
			"Unhandled Runtime.ExitError: RequestId: ID Error: Runtime exited with error: exit status 3"},
		{"it exits as if all were well", func(r *program) { r.next(); r.exit(0) },
			"Unhandled Runtime.ExitError: RequestId: ID Error: Runtime exited without providing a reason"},
		{"it crashes", func(r *program) { r.next(); r.killedBy(syscall.SIGSEGV, false) },
			"Unhandled Runtime.ExitError: RequestId: ID Error: Runtime exited with error: signal: segmentation fault"},
		{"it runs out of memory", func(r *program) { r.next(); r.killedBy(syscall.SIGKILL, true) },
			"Unhandled Runtime.OutOfMemory: RequestId: ID Error: Runtime exited with error: signal: killed"},
		{"it takes too long", func(r *program) { r.next(); r.sleep(time.Hour) },
			"Unhandled Sandbox.Timedout: RequestId: ID Error: Task timed out after 3.00 seconds"},
		{"it cannot initialise and says so", func(r *program) {
			r.post(pathInitError, `{"errorType":"Runtime.ImportModuleError","errorMessage":"Unable to import module 'x'"}`)
			r.exit(1)
		}, "Unhandled Runtime.ImportModuleError: Unable to import module 'x'"},
		{"it cannot initialise, says so and stays", func(r *program) {
			r.post(pathInitError, `{"errorType":"Runtime.X","errorMessage":"m"}`)
			r.sleep(time.Hour)
		}, "Unhandled Runtime.X: m"},
		{"it ends before it is ready", func(r *program) { r.exit(1) },
			"Unhandled Runtime.ExitError: RequestId: ID Error: Runtime exited with error: exit status 1"},
		{"it is never ready", func(r *program) { r.sleep(time.Hour) },
			"Unhandled Sandbox.Timedout: RequestId: ID Error: Task timed out after 3.00 seconds"},
		{"it is slow at first and quicker when it is tried again", func(r *program) {
			if r.n == 1 {
				r.sleep(time.Hour)
			}
			echo(r)
		}, `{"a":1}`},
		{"it cannot initialise at first and can when it is tried again", func(r *program) {
			if r.n == 1 {
				r.exit(1)
			}
			echo(r)
		}, `{"a":1}`},
		{"it fails in another way when it is tried again", func(r *program) {
			r.post(pathInitError, fmt.Sprintf(`{"errorType":"Runtime.X","errorMessage":"%d"}`, r.n))
			r.exit(1)
		}, "Unhandled Runtime.X: 2"},
		{"it answers too much", serve(func(r *program, id, _ string) { r.respond(id, strings.Repeat("x", MaxResponse+1)) }),
			"Unhandled Function.ResponseSizeTooLarge: Response payload size exceeded maximum allowed payload size (6291556 bytes)."},
		{"it answers as much as it may", serve(func(r *program, id, _ string) { r.respond(id, strings.Repeat("x", MaxResponse)) }),
			strings.Repeat("x", MaxResponse)},
		{"it answers half and hangs up", func(r *program) {
			id, _ := r.next()
			_, _ = r.conn.Write([]byte("POST " + pathInvocation + id + "/response HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345"))
			_ = r.conn.Close()
			r.sleep(time.Second)
			r.exit(1)
		}, "Unhandled Runtime.TruncatedResponse: Response truncated"},
		{"it answers in an unknown mode", serve(func(r *program, id, _ string) {
			r.post(pathInvocation+id+"/response", "x", "Lambda-Runtime-Function-Response-Mode: telepathic")
		}), "Unhandled Runtime.InvalidResponseModeHeader: "},
		{"it breaks its answer off in the trailers", serve(func(r *program, id, _ string) {
			r.do("POST " + pathInvocation + id + "/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n" +
				"Lambda-Runtime-Function-Error-Type: Oops\r\nLambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJPb3BzIiwiZXJyb3JNZXNzYWdlIjoibWlkIn0=\r\n\r\n")
		}), "Unhandled Oops: mid"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newTestFleet(t, c.program)
				defer f.shutdown(t)
				req := request(`{"a":1}`)
				got := strings.ReplaceAll(outcome(f.Invoke(t.Context(), f.fn, req)), req.RequestID, "ID")
				if got != c.want {
					t.Errorf("got  %.200s\nwant %.200s", got, c.want)
				}
			})
		})
	}
}

// What a runtime is told that does what its state does not allow.
func TestWhatAHostileRuntimeIsTold(t *testing.T) {
	cases := []struct {
		name string
		do   func(r *program, id string) (int, string)
		want int
	}{
		{"an answer to another request", func(r *program, _ string) (int, string) { return r.respond("other", "x") }, 400},
		{"an answer to no request", func(r *program, _ string) (int, string) { return r.respond("", "x") }, 400},
		{"a second next", func(r *program, _ string) (int, string) {
			status, _, body := r.do("GET " + pathNext + " HTTP/1.1\r\n\r\n")
			return status, body
		}, 403},
		{"an init error when it runs", func(r *program, _ string) (int, string) { return r.post(pathInitError, "{}") }, 403},
		{"a second answer", func(r *program, id string) (int, string) {
			r.respond(id, "first")
			return r.respond(id, "second")
		}, 403},
		{"an error after the answer", func(r *program, id string) (int, string) {
			r.respond(id, "first")
			return r.post(pathInvocation+id+"/error", "{}")
		}, 403},
		{"a path that is not there", func(r *program, _ string) (int, string) { return r.post("/2020-01-01/extension/register", "{}") }, 404},
		{"a method that is not there", func(r *program, _ string) (int, string) {
			status, _, body := r.do("PUT / HTTP/1.1\r\n\r\n")
			return status, body
		}, 405},
		{"no HTTP", func(r *program, _ string) (int, string) {
			status, _, body := r.do("\x16\x03\x01\x02\x00\r\n\r\n")
			return status, body
		}, 400},
		{"an endless header", func(r *program, _ string) (int, string) {
			status, _, body := r.do("GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 3<<20) + "\r\n\r\n")
			return status, body
		}, 431},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := make(chan int, 2)
				f := newTestFleet(t, func(r *program) {
					id, _ := r.next()
					status, _ := c.do(r, id)
					told <- status
					r.respond(id, "first")
					r.next()
				})
				defer f.shutdown(t)
				res, err := f.Invoke(t.Context(), f.fn, request("{}"))
				if got := outcome(res, err); got != "first" {
					t.Errorf("the caller got %s", got)
				}
				if got := <-told; got != c.want {
					t.Errorf("the runtime was told %d, want %d", got, c.want)
				}
			})
		})
	}
}

func TestACellHasOneRequestAtATimeAndIsReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFleet(t, func(r *program) {
			for {
				id, _ := r.next()
				r.sleep(time.Second)
				r.respond(id, r.box.spec.ID)
			}
		})
		defer f.shutdown(t)
		seen := map[string]bool{}
		for range 3 {
			answers := make(chan string)
			for range 4 {
				go func() { answers <- outcome(f.Invoke(t.Context(), f.fn, request("{}"))) }()
			}
			round := map[string]bool{}
			for range 4 {
				a := <-answers
				round[a], seen[a] = true, true
			}
			if len(round) != 4 {
				t.Errorf("4 requests at once were served by %d cells", len(round))
			}
		}
		if len(seen) != 4 {
			t.Errorf("3 rounds of 4 requests used %d cells", len(seen))
		}
		var last string
		for range 3 {
			got := outcome(f.Invoke(t.Context(), f.fn, request("{}")))
			if last != "" && got != last {
				t.Error("a lone request did not go to the cell used last")
			}
			last = got
		}
	})
}

func TestConcurrencyIsLimited(t *testing.T) {
	const reserved, account = "error: rate exceeded: " + ReasonReserved, "error: rate exceeded: " + ReasonAccount
	for _, c := range []struct {
		name            string
		reserved, limit int
		want            string
	}{
		{"by the reservation", 2, 1, reserved},
		{"by a reservation of nothing", 0, 1000, reserved},
		{"by the account", Unreserved, 2, account},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newTestFleet(t, func(r *program) {
					for {
						id, _ := r.next()
						r.sleep(time.Second)
						r.respond(id, "ok")
					}
				}, func(o *Options) { o.AccountConcurrency = func(string) int { return c.limit } })
				defer f.shutdown(t)
				f.fn.Reserved = c.reserved
				running := max(c.reserved, 0)
				if c.reserved == Unreserved {
					running = c.limit
				}
				done := make(chan string)
				for range running {
					go func() { done <- outcome(f.Invoke(t.Context(), f.fn, request("{}"))) }()
				}
				synctest.Wait()
				if got := outcome(f.Invoke(t.Context(), f.fn, request("{}"))); got != c.want {
					t.Errorf("one too many: %s", got)
				}
				for range running {
					if got := <-done; got != "ok" {
						t.Error(got)
					}
				}
				if running > 0 {
					if got := outcome(f.Invoke(t.Context(), f.fn, request("{}"))); got != "ok" {
						t.Errorf("when a place is free again: %s", got)
					}
				}
			})
		})
	}
}

func TestACellEnds(t *testing.T) {
	expires := func(d time.Duration) func(*Options) {
		return func(o *Options) {
			o.Credentials = func(context.Context, *Function) (Credentials, error) {
				return Credentials{Expires: time.Now().Add(d)}, nil
			}
		}
	}
	for _, c := range []struct {
		name   string
		option func(*Options)
		wait   time.Duration
		cells  int // started by a request, a wait and another request
	}{
		{"not when it is used again in time", func(*Options) {}, 9 * time.Minute, 1},
		{"when it is idle for too long", func(*Options) {}, 13 * time.Minute, 2},
		{"when it is too old", func(o *Options) { o.MaxAge = time.Minute }, 61 * time.Second, 2},
		{"before its credentials do", expires(5 * time.Minute), 4 * time.Minute, 2},
		{"not long before its credentials do", expires(5 * time.Minute), 3 * time.Minute, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newTestFleet(t, echo, c.option)
				defer f.shutdown(t)
				for range 2 {
					if got := outcome(f.Invoke(t.Context(), f.fn, request("1"))); got != "1" {
						t.Error(got)
					}
					time.Sleep(c.wait)
				}
				if n := f.boxes.count(); n != c.cells {
					t.Errorf("%d cells were started, want %d", n, c.cells)
				}
			})
		})
	}
}

func TestIdleCellsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFleet(t, echo)
		defer f.shutdown(t)
		_, _ = f.Invoke(t.Context(), f.fn, request("1"))
		time.Sleep(15 * time.Minute)
		if s := f.Stats(); s != (Stats{}) {
			t.Errorf("after the idle time there is still %+v", s)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.pools)+len(f.running)+len(f.accounts) != 0 {
			t.Error("the books still have entries")
		}
	})
}

func TestANewRevisionDrainsTheOldCells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFleet(t, func(r *program) {
			for {
				id, payload := r.next()
				if payload == `"slow"` {
					r.sleep(2 * time.Second)
				}
				r.respond(id, r.box.spec.ID)
			}
		})
		defer f.shutdown(t)
		slow := make(chan string)
		go func() { slow <- outcome(f.Invoke(t.Context(), f.fn, request(`"slow"`))) }()
		synctest.Wait()
		newer := *f.fn
		newer.Revision = "2"
		quick := outcome(f.Invoke(t.Context(), &newer, request("1")))
		old := <-slow
		if strings.HasPrefix(old, "Unhandled") || old == quick {
			t.Errorf("the old cell answered %s, the new one %s", old, quick)
		}
		synctest.Wait()
		if s := f.Stats(); s.Cells != 1 || s.Free != 1 {
			t.Errorf("after the old cell finished: %+v", s)
		}
		f.Retire(f.fn.ARN, "", "")
		synctest.Wait()
		if s := f.Stats(); s.Cells != 0 {
			t.Errorf("after the function was deleted: %+v", s)
		}
	})
}

func TestTheLongestIdleCellMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFleet(t, func(r *program) {
			for {
				id, payload := r.next()
				if payload == `"slow"` {
					r.sleep(time.Second)
				}
				r.respond(id, payload)
			}
		}, func(o *Options) { o.MaxCells = 1 })
		defer f.shutdown(t)
		other := *f.fn
		other.ARN, other.Name = f.fn.ARN+"2", "f2"
		for _, fn := range []*Function{f.fn, &other, f.fn} {
			if got := outcome(f.Invoke(t.Context(), fn, request("1"))); got != "1" {
				t.Error(got)
			}
			time.Sleep(time.Second)
		}
		go f.Invoke(t.Context(), f.fn, request(`"slow"`)) //nolint:errcheck // only to be busy
		synctest.Wait()
		var throttled *ThrottleError
		if _, err := f.Invoke(t.Context(), &other, request("1")); !errors.As(err, &throttled) {
			t.Errorf("without an idle cell: %v", err)
		}
	})
}

func TestACallerThatGoesDoesNotStopTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finished := false
		f := newTestFleet(t, func(r *program) {
			id, _ := r.next()
			r.sleep(time.Second)
			finished = true // before the answer: once that is there the cell may go
			r.respond(id, "late")
			r.next()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := f.Invoke(ctx, f.fn, request("{}")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller got %v", err)
		}
		if s := f.Stats(); s.Running != 1 {
			t.Errorf("the invocation does not count any more: %+v", s)
		}
		f.shutdown(t) // waits for it
		if !finished {
			t.Error("the function was stopped")
		}
	})
}

func TestAfterTheAnswerTheRuntimeStillHasItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFleet(t, func(r *program) {
			id, _ := r.next()
			r.respond(id, "ok")
			r.sleep(time.Hour)
		})
		defer f.shutdown(t)
		for range 2 { // the second must not wait for the first one's cell
			start := time.Now()
			if got := outcome(f.Invoke(t.Context(), f.fn, request("{}"))); got != "ok" {
				t.Error(got)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("the caller waited %v", took)
			}
		}
		time.Sleep(4 * time.Second)
		if s := f.Stats(); s.Cells != 0 {
			t.Errorf("the runtimes that never asked for more still have %d cells", s.Cells)
		}
	})
}

// runtimeGone is what this machine says of a runtime that it lacks; it names
// those that it has.
func runtimeGone(t *testing.T) string {
	t.Helper()
	set, err := runtimes.Detect(runtimes.Options{SupportDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return "this machine has no runtime cobol, but " + strings.Join(set.Names(), ", ") + ": see cloister doctor"
}

func TestWhyNoCellCouldBeStarted(t *testing.T) {
	uncontained := &cell.UnavailableError{Missing: []cell.Layer{{Name: "user namespace", Reason: "sysctl"}}}
	for _, c := range []struct {
		name   string
		change func(f *testFleet)
		want   string
	}{
		{"the machine cannot contain it", func(f *testFleet) {
			f.boxes.refuse = uncontained
		}, "error: start a cell: " + uncontained.Error()},
		{"the package is gone", func(f *testFleet) { f.fn.CodeID = "lost" },
			"error: start a cell: unpack the code of f: no such package: lost"},
		{"the runtime is gone", func(f *testFleet) { f.fn.Runtime = "cobol" },
			"error: start a cell: " + runtimeGone(t)},
		{"the bootstrap cannot be executed", func(f *testFleet) {
			f.boxes.refuse = &cell.ExecError{Path: "/var/task/bootstrap", Err: syscall.ENOEXEC}
		}, "Unhandled Runtime.InvalidEntrypoint: RequestId: ID Error: fork/exec /var/task/bootstrap: exec format error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newTestFleet(t, echo)
				defer f.shutdown(t)
				c.change(f)
				req := request("{}")
				got := strings.ReplaceAll(outcome(f.Invoke(t.Context(), f.fn, req)), req.RequestID, "ID")
				if got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
			})
		})
	}
}

func TestShutdownRefusesNewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFleet(t, echo)
		f.shutdown(t)
		if _, err := f.Invoke(t.Context(), f.fn, request("{}")); !errors.Is(err, ErrShuttingDown) {
			t.Errorf("got %v", err)
		}
	})
}

// What a function's variables refer to reaches its cell, and its log not; what
// it may not have is its own failure.
func TestReferencesAreResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "correct-horse-battery"
		may := true
		f := newTestFleet(t, echo, func(o *Options) {
			o.Environment = func(_ context.Context, fn *Function, c Credentials) (Environment, error) {
				if !may || c.AccessKeyID != "ASIA" {
					return Environment{}, &UnresolvedError{"The variable X could not be resolved: no"}
				}
				return Environment{Variables: map[string]string{"X": secret}, Secrets: [][]byte{[]byte(secret)}}, nil
			}
		})
		defer f.shutdown(t)
		f.fn.Env, f.fn.OpenEnv = map[string]string{"X": "{{resolve:secretsmanager:a}}"}, true
		req := request("{}")
		if got := outcome(f.Invoke(t.Context(), f.fn, req)); got != "{}" {
			t.Errorf("got %s", got)
		}
		if spec := f.boxes.started[0].spec; !slices.Contains(spec.Env, "X="+secret) {
			t.Errorf("the cell has %q", spec.Env)
		}
		if f.fn.Env["X"] != "{{resolve:secretsmanager:a}}" {
			t.Error("the function was changed")
		}
		may = false
		other := *f.fn
		other.Revision = "2"
		req = request("{}")
		got := strings.ReplaceAll(outcome(f.Invoke(t.Context(), &other, req)), req.RequestID, "ID")
		if got != "Unhandled Runtime.UnresolvedReference: RequestId: ID Error: The variable X could not be resolved: no" {
			t.Errorf("got %s", got)
		}
	})
}
