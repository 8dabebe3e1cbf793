package invoke

import (
	"slices"
	"strings"
	"testing"
)

func TestProcessorsOfAFunction(t *testing.T) {
	for _, c := range []struct{ memory, machine, want int }{
		{128, 8, 1}, {1769, 8, 1}, {1770, 8, 1}, {1771, 8, 2}, {3538, 8, 2}, {10240, 8, 6}, {10240, 2, 2}, {128, 1, 1},
	} {
		if got := (&Function{MemoryMB: c.memory}).processors(c.machine); got != c.want {
			t.Errorf("%d MB on %d processors: %d, want %d", c.memory, c.machine, got, c.want)
		}
	}
}

func TestGoIsToldOfItsProcessors(t *testing.T) {
	for _, c := range []struct {
		runtime, own, want string
	}{
		{runtime: "provided.al2023", want: "GOMAXPROCS=1"},
		{runtime: "provided.al2", own: "7", want: "GOMAXPROCS=7"},
		{runtime: "python3.13"},
	} {
		fn := &Function{Runtime: c.runtime, MemoryMB: 128}
		if c.own != "" {
			fn.Env = map[string]string{"GOMAXPROCS": c.own}
		}
		env := environment(fn, fn.Env, nil, Credentials{}, "")
		i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, "GOMAXPROCS=") })
		got := ""
		if i >= 0 {
			got = env[i]
		}
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
