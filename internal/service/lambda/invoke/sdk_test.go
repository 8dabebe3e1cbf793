package invoke

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/service/lambda/runtimes"
)

// withRuntime registers a directory for a runtime.
func withRuntime(t *testing.T, runtime, dir string) func(*Options) {
	t.Helper()
	r := runtimes.Registration{Name: runtime, Dir: dir}
	if err := runtimes.Vet(r); err != nil {
		t.Fatal(err)
	}
	set, err := runtimes.Detect(runtimes.Options{SupportDir: t.TempDir(), Registered: []runtimes.Registration{r}})
	if err != nil {
		t.Fatal(err)
	}
	return func(o *Options) { o.Runtimes = set }
}

// testJS is where scripts/deps installs the SDK for JavaScript. In CI its
// absence is a failure.
func testJS(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../../../test/js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules/@aws-sdk")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the SDK for JavaScript is not installed: run scripts/deps")
	}
	return dir
}

// platformSTS answers GetCallerIdentity on the platform's endpoint in cells,
// with the access key that the request was signed with.
func platformSTS(o *Options) {
	o.ServePlatform = func(l net.Listener, _ CellIdentity) {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, key, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
			key, _, _ = strings.Cut(key, "/")
			if !strings.Contains(string(body), "Action=GetCallerIdentity") || r.Header.Get("X-Amz-Security-Token") != "token" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "text/xml")
			_, _ = io.WriteString(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><UserId>`+
				key+`</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		}))
	}
}

func TestNodeCallsThePlatformWithTheSDK(t *testing.T) {
	const call = `
const client = new STSClient({});
const h = async () => (await client.send(new GetCallerIdentityCommand({}))).UserId;
`
	runtime := nodeRuntime(t)
	patient := func(f *Function) { f.MemoryMB, f.Timeout = 512, 30*time.Second }
	f := realFleet(t, platformSTS, withRuntime(t, runtime, testJS(t)))
	f.run(t, runtime, []realCase{
		{name: "require", files: js(`const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");` + call + "exports.h = h"), want: `"ASIAEXAMPLE"`, change: patient},
		{name: "import", files: mjs(`import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts";` + call + "export { h }"), want: `"ASIAEXAMPLE"`, change: patient},
		{name: "import() in a folder", handler: "a/b.h", files: map[string]string{
			"a/b.js": `exports.h = async () => { const { STSClient, GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");` + call + "return h() }"},
			want: `"ASIAEXAMPLE"`, change: patient},
		{name: "one copy for both", files: mjs(`import { createRequire } from "node:module"; import { STSClient } from "@aws-sdk/client-sts";
			export const h = async () => createRequire(import.meta.url)("@aws-sdk/client-sts").STSClient === STSClient`), want: `true`, change: patient},
	})
}

// Packages of a layer come before the runtime's, for require and for import.
func TestNodeFindsPackagesOfLayers(t *testing.T) {
	runtime := nodeRuntime(t)
	dir := t.TempDir()
	pack := func(root, name, text string) map[string]string {
		return map[string]string{root + name + "/package.json": `{"main":"m.js"}`, root + name + "/m.js": text}
	}
	for name, text := range pack("node_modules/", "@aws-sdk/client-x", "exports.from = 'runtime'") {
		writeFile(t, filepath.Join(dir, name), text)
	}
	for name, text := range pack("node_modules/", "both", "exports.from = 'runtime'") {
		writeFile(t, filepath.Join(dir, name), text)
	}
	f := realFleet(t, withRuntime(t, runtime, dir))
	layer := func(fn *Function) {
		fn.LayerIDs = []string{f.pack(pack("nodejs/node_modules/", "both", "exports.from = 'layer'"))}
	}
	f.run(t, runtime, []realCase{
		{name: "require", files: js("exports.h = async () => require('both').from"), want: `"layer"`, change: layer},
		{name: "import", files: mjs("import x from 'both'; export const h = async () => x.from"), want: `"layer"`, change: layer},
		{name: "require, without the layer", files: js("exports.h = async () => require('both').from + 1"), want: `"runtime1"`},
		{name: "import, without the layer", files: mjs("import x from 'both'; export const h = async () => x.from + 1"), want: `"runtime1"`},
	})
}

// A root file system with an interpreter of its own runs functions. This one is
// made of the machine's node and what it loads.
func TestNodeFromARegisteredRoot(t *testing.T) {
	runtime, support := nodeRuntime(t), t.TempDir()
	set, err := runtimes.Detect(runtimes.Options{SupportDir: support})
	if err != nil {
		t.Fatal(err)
	}
	own, err := set.Get(runtime)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(support, runtime)
	program, err := os.ReadFile(own.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(root + own.Args[0]) // it may be a place to bind to
	if err := os.WriteFile(root+own.Args[0], program, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, root+"/var/runtime/node_modules/@aws-sdk/client-x/package.json", `{"main":"m.js"}`)
	writeFile(t, root+"/var/runtime/node_modules/@aws-sdk/client-x/m.js", "exports.from = 'root'")
	if err := os.Chmod(root+"/var/runtime", 0o755); err != nil {
		t.Fatal(err)
	}
	realFleet(t, withRuntime(t, runtime, root)).run(t, runtime, []realCase{
		{name: "require", files: js("exports.h = async () => [process.argv[1], require('@aws-sdk/client-x').from]"), want: `\["/var/support/bootstrap.cjs","root"\]`},
		{name: "import", files: mjs("import x from '@aws-sdk/client-x'; export const h = async () => x.from"), want: `"root"`},
	})
}

func TestPythonImportsARegisteredBoto3(t *testing.T) {
	runtime, dir := pythonRuntime(t), t.TempDir()
	writeFile(t, dir+"/site-packages/boto3/__init__.py", "__version__ = '9.9.9'\n")
	realFleet(t, withRuntime(t, runtime, dir)).run(t, runtime, []realCase{
		{name: "import", files: py("import boto3\ndef h(e, c): return [boto3.__version__, boto3.__file__]"), want: `\["9.9.9", "/var/runtime/sdk/boto3/__init__.py"\]`},
	})
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
