package cell

import (
	"os"
	"testing"
)

// system is what a dynamically linked program of the distribution needs, as far
// as it is there.
func system() []Bind {
	var binds []Bind
	for _, dir := range []string{"/usr/bin", "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/bin", "/usr/share/nodejs"} {
		if _, err := os.Stat(dir); err == nil {
			binds = append(binds, Bind{dir, dir})
		}
	}
	return binds
}

// The languages' interpreters do their ordinary work under the filter: threads,
// children, sockets, timers, files, compiled code.
func TestInterpreters(t *testing.T) {
	for _, c := range []struct{ name, program, code, want string }{
		{"python", "/usr/bin/python3", pythonCode, "thread\nchild 0\nsocket b'x'\ntmp 3\nrandom 8\nkilled -15\nok\n"},
		{"node", "/usr/bin/node", nodeCode, "child 0\nsocket x\ntmp abc\nworker 42\nrandom 8\nok\n"},
		{"shell", "/bin/sh", "echo $(echo a | cat); (exit 3); echo $?", "a\n3\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat(c.program); err != nil {
				t.Skipf("%s is not installed here", c.program)
			}
			flag := "-c"
			if c.name == "node" {
				flag = "-e"
			}
			spec := Spec{ID: c.name, Root: system(), Args: []string{c.program, flag, c.code}, Env: []string{"PATH=/usr/bin:/bin", "HOME=/tmp"}, MemoryBytes: 256 << 20}
			if out := output(t, spec); out != c.want {
				t.Errorf("got %q, want %q", out, c.want)
			}
		})
	}
}

const pythonCode = `
import asyncio, json, os, signal, socket, ssl, subprocess, tempfile, threading, time, urllib.request, ctypes, sqlite3
t = threading.Thread(target=lambda: print("thread")); t.start(); t.join()
print("child", subprocess.run(["/bin/true"]).returncode)
s = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(s.getsockname()); p, _ = s.accept(); c.sendall(b"x")
print("socket", p.recv(1))
with tempfile.NamedTemporaryFile() as f:
    f.write(b"abc"); f.flush(); os.fsync(f.fileno()); print("tmp", os.stat(f.name).st_size)
print("random", len(os.urandom(8)))
asyncio.run(asyncio.sleep(0.01))
async def sub():
    p = await asyncio.create_subprocess_exec("/bin/sleep", "100")
    p.terminate()
    print("killed", await p.wait())
asyncio.run(sub())
print("ok")
`

const nodeCode = `
const cp = require('child_process'), net = require('net'), fs = require('fs'), os = require('os');
const { Worker } = require('worker_threads');
(async () => {
  console.log('child', cp.spawnSync('/bin/true').status);
  await new Promise(done => {
    const s = net.createServer(c => c.end('x')).listen(0, '127.0.0.1', () =>
      net.connect(s.address().port, '127.0.0.1').on('data', d => { console.log('socket', d.toString()); s.close(); done(); }));
  });
  fs.writeFileSync('/tmp/a', 'abc'); console.log('tmp', await fs.promises.readFile('/tmp/a', 'utf8'));
  await new Promise(done => new Worker('require("worker_threads").parentPort.postMessage(42)', { eval: true }).on('message', m => { console.log('worker', m); done(); }));
  console.log('random', require('crypto').randomBytes(8).length);
  os.cpus(); os.totalmem(); os.networkInterfaces(); os.userInfo();
  setTimeout(() => console.log('ok'), 10);
})();
`
