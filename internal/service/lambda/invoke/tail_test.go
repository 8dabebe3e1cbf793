package invoke

import (
	"strings"
	"sync"
	"testing"
)

// A function's last line comes before END, whoever is how fast: the pipe is the
// function's own, and is read before END is written.
func TestRealLogTailHoldsTheLastLine(t *testing.T) {
	for _, c := range []struct{ runtime, handler, file, source string }{
		{pythonRuntime(t), "m.h", "m.py", "def h(e, c): print('last', e)"},
		{nodeRuntime(t), "m.h", "m.js", "exports.h = async (e) => console.log('last ' + e)"},
	} {
		f := realFleet(t)
		fn := f.function(c.runtime, c.handler, map[string]string{c.file: c.source})
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				for range 40 {
					f.expectTail(t, fn)
				}
			})
		}
		all.Wait()
	}
}

func (r *realTest) expectTail(t *testing.T, fn *Function) {
	req := request("1")
	req.LogTail = true
	res, err := r.Invoke(t.Context(), fn, req)
	if err != nil {
		t.Error(err)
		return
	}
	lines := strings.SplitAfter(string(res.LogTail), "\n")
	if len(lines) < 4 || !strings.HasSuffix(lines[len(lines)-4], "last 1\n") {
		t.Errorf("the line before END is not the function's last:\n%s", res.LogTail)
	}
}
