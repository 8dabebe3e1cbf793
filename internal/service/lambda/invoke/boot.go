package invoke

import (
	"io"
	"os"
	"regexp"
	"strings"

	"cloister/internal/cell"
	"cloister/internal/service/lambda/runtimes"
)

// boot says how the cell's runtime is booted before there is a function for it,
// with nothing of any function in it; nil: it cannot be.
func (in *instance) boot(rt *runtimes.Runtime, env []string) *cell.Boot {
	waiting := platformEnvironment(in.fn, rt.Env)
	if len(rt.Wait) == 0 || !sameStart(waiting, env) {
		return nil
	}
	args := rt.Wait
	if len(rt.WaitSDK) > 0 && importsSDK(in.refs[0].Dir, in.fn.Handler) {
		args = rt.WaitSDK
	}
	return &cell.Boot{Args: args, Env: pairs(waiting), Binds: len(rt.Root), Places: []string{"/opt"}, TakeOutput: in.out.adopt}
}

// atStart are the beginnings of the names of variables that an interpreter, its
// libraries or the loader look at when they start, and not again.
var atStart = []string{"PYTHON", "NODE_", "LD_", "LC_", "LANG", "MALLOC_", "GLIBC_", "GCONV_", "LOCPATH", "NLSPATH", "OPENSSL_", "SSL_CERT_", "UV_", "HOSTALIASES", "RES_OPTIONS", "RESOLV_", "LOCALDOMAIN"}

func seenAtStart(name string) bool {
	for _, prefix := range atStart {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// sameStart says whether a program starts with env as it did with waiting.
func sameStart(waiting map[string]string, env []string) bool {
	seen := map[string]string{}
	setAll(seen, env)
	for name, value := range seen {
		if before, ok := waiting[name]; seenAtStart(name) && (!ok || before != value) {
			return false
		}
	}
	for name := range waiting {
		if _, ok := seen[name]; seenAtStart(name) && !ok {
			return false
		}
	}
	return true
}

// importsSDK says whether the module of a Python handler names boto3 in an import.
// It only chooses what is loaded already when the function is: either way it runs
// the same.
func importsSDK(dir, handler string) bool {
	module, _, ok := cutLast(handler, ".")
	if !ok {
		return false
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer root.Close() //nolint:errcheck // only read from
	file, err := root.Open(strings.ReplaceAll(module, ".", "/") + ".py")
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // only read
	if st, err := file.Stat(); err != nil || !st.Mode().IsRegular() {
		return false
	}
	text, _ := io.ReadAll(io.LimitReader(file, 256<<10))
	return sdkImport.Match(text)
}

var sdkImport = regexp.MustCompile(`(?m)^[ \t]*(import|from)[ \t]+([\w.]+[ \t]*,[ \t]*)*boto(3|core)\b`)

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
