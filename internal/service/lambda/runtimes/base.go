package runtimes

import (
	"bytes"
	_ "embed"
	"os"
)

//go:embed support/bootstrap.py
var pythonLoop []byte

//go:embed support/bootstrap.cjs
var nodeLoop []byte

// userland is the little of a system that bootstraps written as shell scripts
// use, as far as the machine has it.
var userland = []string{
	"bash", "sh", "env", "cat", "cp", "cut", "date", "dirname", "basename", "echo", "expr", "false", "grep", "head", "id", "ls",
	"mkdir", "mktemp", "mv", "printf", "pwd", "readlink", "rm", "sed", "seq", "sha256sum", "base64", "sleep", "sort", "tail",
	"tee", "test", "touch", "tr", "true", "uname", "uniq", "wc", "xargs", "awk", "curl", "jq",
}

// The files of a cell's /etc. The machine's own are not shown: they tell about
// the machine.
var etc = map[string]string{
	"passwd":        "root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\nnobody:x:65534:65534::/:/sbin/nologin\n",
	"group":         "root:x:0:\nsbx_user1051:x:990:\nnogroup:x:65534:\n",
	"hosts":         "127.0.0.1 localhost\n",
	"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	"resolv.conf":   "nameserver 192.0.0.1\noptions attempts:2 timeout:12\n", // egress.Resolver; out of reach without a network
	"os-release":    "NAME=\"Cloister cell\"\nID=cloister\n",
}

// caBundles are where systems keep their root certificates.
var caBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
}

// extraBundle is where the platform's own root certificates are, alone, for
// runtimes that have the public ones built in.
const extraBundle = "/etc/ssl/cloister.pem"

// certificates is the system's bundle with extra appended.
func certificates(extra []byte) []byte {
	for _, f := range caBundles {
		if b, err := os.ReadFile(f); err == nil {
			return append(append(bytes.TrimRight(b, "\n"), '\n'), extra...)
		}
	}
	return extra
}

// base lays what every runtime has: /etc, certificates, time zones, and the
// places where code and layers go.
func (t *tree) base(extraCA []byte) error {
	for name, text := range etc {
		if err := t.text("/etc/"+name, []byte(text)); err != nil {
			return err
		}
	}
	if ca := certificates(extraCA); len(ca) > 0 {
		for _, p := range []string{caBundles[0], caBundles[1], "/var/runtime/ca-cert.pem"} {
			if err := t.text(p, ca); err != nil {
				return err
			}
		}
	}
	if len(extraCA) > 0 {
		if err := t.text(extraBundle, extraCA); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/var/task", "/var/runtime", "/var/lang", "/usr/bin"} {
		if err := os.MkdirAll(t.dir+dir, 0o755); err != nil {
			return err
		}
	}
	if _, err := os.Stat("/usr/share/zoneinfo"); err == nil {
		return t.directory("/usr/share/zoneinfo", "/usr/share/zoneinfo")
	}
	return nil
}

// commands lays the userland.
func (t *tree) commands() error {
	for _, name := range userland {
		for _, dir := range []string{"/usr/bin/", "/bin/"} {
			if _, err := os.Stat(dir + name); err != nil {
				continue
			}
			if err := t.program(dir+name, "/usr/bin/"+name); err != nil {
				return err
			}
			break
		}
	}
	return t.symlink("usr/bin", "/bin")
}
