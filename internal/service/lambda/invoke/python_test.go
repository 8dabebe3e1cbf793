package invoke

import (
	"testing"
	"time"
)

func py(source string) map[string]string { return map[string]string{"m.py": source} }

func TestPython(t *testing.T)            { runCases(t, pythonRuntime(t), pythonCases()) }
func TestPythonBootedAhead(t *testing.T) { runBooted(t, pythonRuntime(t), pythonCases()) }

func pythonCases() []realCase {
	return []realCase{
		{name: "an answer", files: py("def h(e, c): return {'got': e, 'n': 1.5, 'é': 'ü'}"), event: `{"a":[1,null]}`,
			want: `\{"got": \{"a": \[1, null\]\}, "n": 1.5, "(é|\\u00e9)": "(ü|\\u00fc)"\}`, log: `REPORT RequestId: ID\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: [1-9]\d* MB\tInit Duration: [\d.]+ ms\t`},
		{name: "nothing", files: py("def h(e, c): pass"), want: "null"},
		{name: "bytes", files: py("def h(e, c): return b'raw'"), want: "raw"},
		{name: "a decimal", files: py("import decimal\ndef h(e, c): return [decimal.Decimal('1.5'), decimal.Decimal(3)]"), want: `\[1.5, 3\]`},
		{name: "the context", files: py(`
def h(e, c):
    left = c.get_remaining_time_in_millis()
    return [c.function_name, c.function_version, c.memory_limit_in_mb, c.invoked_function_arn[:15], c.log_group_name,
            len(c.aws_request_id), 0 < left <= 10000, c.client_context, c.identity.cognito_identity_id]`),
			want: `\["f", "\$LATEST", "256", "arn:aws:lambda:", "/aws/lambda/f", 36, true, null, null\]`},
		{name: "in a folder", handler: "a/b.h", files: map[string]string{"a/b.py": "def h(e, c): return __name__"}, want: `"a.b"`},
		{name: "the path", files: py("import sys\ndef h(e, c): return sys.path[:3] + [exit.__class__.__name__]"),
			want: `\["/var/task", "/opt/python/lib/python3.\d+/site-packages", "/opt/python", "Quitter"\]`},
		{name: "an exception", files: py("def h(e, c):\n    raise ValueError('no ' + str(e))"), event: `7`, want: `Unhandled ValueError: no 7`,
			log: "\\[ERROR\\] ValueError: no 7\rTraceback \\(most recent call last\\):\r\u00a0\u00a0File \"/var/task/m.py\", line 2, in h\r\u00a0\u00a0\u00a0\u00a0raise ValueError"},
		{name: "a result that is no JSON", files: py("def h(e, c): return {1, 2}"),
			want: `Unhandled Runtime.MarshalError: Unable to marshal response: Object of type set is not JSON serializable`},
		{name: "no such module", handler: "nope.h", files: py(""), want: `Unhandled Runtime.ImportModuleError: Unable to import module 'nope': No module named 'nope'`},
		{name: "no such handler", handler: "m.nope", files: py(""), want: `Unhandled Runtime.HandlerNotFound: Handler 'nope' missing on module 'm'`},
		{name: "a bad handler name", handler: "h", files: py(""), want: `Unhandled Runtime.MalformedHandlerName: Bad handler 'h': not enough values to unpack .*`},
		{name: "a built-in module", handler: "sys.exit", files: py(""), want: `Unhandled Runtime.BuiltInModuleConflict: Cannot use built-in module sys as a handler module`},
		{name: "a syntax error", files: py("def h(e, c) return"), want: `Unhandled Runtime.UserCodeSyntaxError: Syntax error in module 'm': .*`},
		{name: "an exception at import", files: py("raise RuntimeError('at import')"), want: `Unhandled RuntimeError: at import`},
		{name: "it exits", files: py("import sys\ndef h(e, c): sys.exit(3)"), want: `Unhandled Runtime.ExitError: RequestId: ID Error: Runtime exited with error: exit status 3`},
		{name: "it exits at import", files: py("import os\nos._exit(4)"), want: `Unhandled Runtime.ExitError: RequestId: ID Error: Runtime exited with error: exit status 4`},
		{name: "it kills itself", files: py("import os\ndef h(e, c): os.abort()"), want: `Unhandled Runtime.ExitError: RequestId: ID Error: Runtime exited with error: signal: aborted`},
		{name: "it takes too long", files: py("import time\ndef h(e, c):\n    print('sleeping')\n    time.sleep(60)"), change: func(f *Function) { f.Timeout = time.Second },
			want: `Unhandled Sandbox.Timedout: RequestId: ID Error: Task timed out after 1.00 seconds`, log: `(?s)sleeping.*Z ID Task timed out after 1.00 seconds`},
		{name: "it eats memory", files: py("def h(e, c):\n    x = []\n    while True: x.append(bytearray(1 << 20))"), change: func(f *Function) { f.MemoryMB = 128 },
			want: `Unhandled Runtime.OutOfMemory: RequestId: ID Error: Runtime exited with error: signal: killed`},
		{name: "it answers too much", files: py("def h(e, c): return 'x' * 7000000"),
			want: `Unhandled Function.ResponseSizeTooLarge: Response payload size exceeded maximum allowed payload size \(6291556 bytes\).`},
		{name: "printing and logging", files: py(`
import logging
def h(e, c):
    print("printed", end="")
    print(" line")
    logging.warning("warned\nin two lines")
    logging.info("not shown")`), want: "null",
			log: "printed line\n\\[WARNING\\]\t[\\dT:.-]+Z\tID\twarned\rin two lines\n"},
		{name: "logging in JSON", files: py("import logging\nlogging.getLogger().setLevel('INFO')\ndef h(e, c): logging.info('told')"),
			change: func(f *Function) { f.LogFormat = "JSON" }, want: "null", log: `"level": "INFO", "message": "told", "logger": "root", "requestId": "ID"`},
		{name: "only /tmp can be written", files: py(`
def h(e, c):
    out = []
    for name in ("/tmp/x", "/var/task/x", "/x", "/etc/x"):
        try:
            open(name, "w").close()
            out.append(name)
        except OSError:
            pass
    return out`), want: `\["/tmp/x"\]`},
		{name: "the standard library and certificates", files: py(`
import ssl, sqlite3, hashlib, ctypes, zoneinfo, lzma, bz2
def h(e, c): return [len(ssl.create_default_context().get_ca_certs()) > 10, str(zoneinfo.ZoneInfo("Europe/Berlin"))]`),
			want: `\[true, "Europe/Berlin"\]`},
		{name: "a subprocess", files: py("import subprocess\ndef h(e, c): return subprocess.check_output('echo $0 | tr a-z A-Z', shell=True).decode()"), want: `"/BIN/SH\\n"`},
	}
}

func TestPythonImportsBoto3(t *testing.T) {
	runtime := pythonRuntime(t)
	if !sdk(t, runtime) {
		t.Skip("this machine has no boto3 for ", runtime, ": apt-get install python3-boto3")
	}
	runCases(t, runtime, []realCase{{name: "boto3",
		files:  py("import boto3\ndef h(e, c): return boto3.client('s3').meta.endpoint_url"),
		want:   `"http://127.0.0.1:4566"`,
		change: func(f *Function) { f.MemoryMB, f.Timeout = 512, 30*time.Second }}})
}
