package invoke

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// countingReader is a body that nobody may want.
type countingReader struct{ n int }

func (r *countingReader) Read(p []byte) (int, error) {
	r.n += len(p)
	return len(p), nil
}

// What the state refuses is refused before any of its body is read.
func TestTheStateIsLookedAtBeforeTheBody(t *testing.T) {
	for _, c := range []struct {
		name  string
		state state
		path  string
		want  int
	}{
		{"an init error when it is ready", stateIdle, pathInitError, 403},
		{"an init error when it runs", stateRunning, pathInitError, 403},
		{"an init error of the dead", stateDead, pathInitError, 403},
		{"an answer before it is ready", stateInit, pathInvocation + "id/response", 403},
		{"an answer when it has none to give", stateIdle, pathInvocation + "id/response", 403},
		{"a second answer", stateAnswering, pathInvocation + "id/response", 403},
		{"an answer to another request", stateRunning, pathInvocation + "other/response", 400},
		{"an error of another request", stateRunning, pathInvocation + "other/error", 400},
		{"a path that is not there", stateRunning, pathInvocation + "id/x", 404},
	} {
		in := &instance{state: c.state, cur: &invocation{req: &Request{RequestID: "id"}}}
		var source countingReader
		handle := in.postInvocation
		if c.path == pathInitError {
			handle = in.postInitError
		}
		answer, err := handle(&wireRequest{path: c.path}, newWireBody(bufio.NewReader(&source), MaxResponse))
		if answer.status != c.want || err != nil || source.n > 0 {
			t.Errorf("%s: %d (%v) after %d bytes, want %d", c.name, answer.status, err, source.n, c.want)
		}
	}
}

// half begins a request on a connection of its own and gives the way to end it.
func (r *program) half(path, body string) (rest func() string) {
	c, err := r.box.api.dial()
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body[:1])
	return func() string {
		defer c.Close()              //nolint:errcheck // a pipe's
		go c.Write([]byte(body[1:])) //nolint:errcheck // the other side may have gone
		return status(c)
	}
}

func status(c net.Conn) string {
	line, _ := bufio.NewReader(c).ReadString('\n')
	_, line, _ = strings.Cut(line, " ")
	code, _, _ := strings.Cut(line, " ")
	return code
}

// However many connections a cell has, one body of it is kept at a time.
func TestOneBodyAtATime(t *testing.T) {
	const doc = `{"errorType":"X","errorMessage":"m"}`
	for _, c := range []struct {
		name, want string
		program    func(r *program, tell func(...any))
	}{
		{"init errors", "403 202", func(r *program, tell func(...any)) {
			rest := r.half(pathInitError, doc)
			synctest.Wait()
			second, _ := r.post(pathInitError, doc)
			tell(second, rest())
			r.exit(1)
		}},
		{"an init error after one that was broken off", "202", func(r *program, tell func(...any)) {
			first, _ := r.box.api.dial()
			_, _ = first.Write([]byte("POST " + pathInitError + " HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"))
			_ = first.Close()
			synctest.Wait()
			second, _ := r.post(pathInitError, doc)
			tell(second)
			r.exit(1)
		}},
		{"errors", "403 202", func(r *program, tell func(...any)) {
			id, _ := r.next()
			rest := r.half(pathInvocation+id+"/error", doc)
			synctest.Wait()
			second, _ := r.post(pathInvocation+id+"/error", doc)
			tell(second, rest())
			r.next()
		}},
		{"an error beside an answer", "403 202", func(r *program, tell func(...any)) {
			id, _ := r.next()
			rest := r.half(pathInvocation+id+"/response", doc)
			synctest.Wait()
			second, _ := r.post(pathInvocation+id+"/error", doc)
			tell(second, rest())
			r.next()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := make(chan string, 1)
				f := newTestFleet(t, func(r *program) {
					c.program(r, func(codes ...any) { told <- strings.TrimSuffix(fmt.Sprintln(codes...), "\n") })
				})
				defer f.shutdown(t)
				if res, err := f.Invoke(t.Context(), f.fn, request("{}")); err != nil || !strings.Contains(string(res.Payload), `"X"`) {
					t.Errorf("the caller got %+v (%v)", res, err)
				}
				if got := <-told; got != c.want {
					t.Errorf("the runtime was told %s, want %s", got, c.want)
				}
			})
		})
	}
}

// A failure is told in few words.
func TestTheDocumentOfAnErrorIsShort(t *testing.T) {
	doc := func(n int) string { return `{"errorType":"X","errorMessage":"` + strings.Repeat("m", n-35) + `"}` }
	for _, c := range []struct {
		name string
		init bool
		size int
		want string
	}{
		{"as long as it may be", false, MaxError, "202 X: mmm"},
		{"too long", false, MaxError + 1, "413 Y: The document of the error"},
		{"much too long", false, 20 * MaxError, "413 Y: The document of the error"},
		{"of an init as long as it may be", true, MaxError, "202 X: mmm"},
		{"of an init, too long", true, MaxError + 1, "413 Y: The document of the error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := make(chan int, 1)
				f := newTestFleet(t, func(r *program) {
					path := pathInitError
					if !c.init {
						id, _ := r.next()
						path = pathInvocation + id + "/error"
					}
					code, _ := r.post(path, doc(c.size), "Lambda-Runtime-Function-Error-Type: "+map[bool]string{true: "X", false: "Y"}[c.size <= MaxError])
					told <- code
					r.sleep(time.Second)
					r.exit(1)
				})
				defer f.shutdown(t)
				got := outcome(f.Invoke(t.Context(), f.fn, request("{}")))
				if got = fmt.Sprint(<-told, strings.TrimPrefix(got, Unhandled)); !strings.HasPrefix(got, c.want) {
					t.Errorf("got %.100s, want %s", got, c.want)
				}
			})
		})
	}
}

// Trailers are kept of the one body that counts.
func TestTrailersOfWhatIsRefusedAreNotKept(t *testing.T) {
	raw := "0\r\nA: " + strings.Repeat("x", wireBuffer) + "\r\n\r\n"
	for _, keep := range []bool{true, false} {
		body := newWireBody(bufio.NewReaderSize(strings.NewReader(raw), wireBuffer), -1)
		body.keep = keep
		if _, _, err := body.readLimited(1); (err == nil) != keep {
			t.Errorf("kept: %v, error: %v", keep, err)
		}
	}
}
