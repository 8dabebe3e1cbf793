package e2e

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cloister/internal/awsapi"
	"cloister/internal/node"
	"cloister/test/wire"
)

// question is a call whose answer must stay what it is.
type question struct {
	name string
	in   map[string]any
}

var questions = []question{
	{"iam:GetUser", map[string]any{"UserName": "u"}},
	{"secretsmanager:GetSecretValue", map[string]any{"SecretId": "s"}},
	{"ssm:GetParameter", map[string]any{"Name": "p", "WithDecryption": true}},
	{"kms:DescribeKey", map[string]any{"KeyId": "alias/k"}},
	{"lambda:Invoke", map[string]any{"FunctionName": "f", "Payload": []byte("{}")}},
}

const flippedTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// TestFlippedBits flips one bit anywhere in a stopped node's directory: what was
// stored is answered as it was or not at all. Where it is not, something says so:
// the node does not start, the call fails, or the audit log does not verify.
func TestFlippedBits(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 20
	}
	dir := filepath.Join(t.TempDir(), "data")
	n := startFlipped(t, dir)
	if n == nil {
		t.Fatal("the node does not start")
	}
	n.ask(t, question{"iam:CreateUser", map[string]any{"UserName": "u"}})
	n.ask(t, question{"secretsmanager:CreateSecret", map[string]any{"Name": "s", "SecretString": strings.Repeat("quiet ", 50)}})
	n.ask(t, question{"ssm:PutParameter", map[string]any{"Name": "p", "Type": "SecureString", "Value": strings.Repeat("still ", 50)}})
	_, key := n.ask(t, question{"kms:CreateKey", map[string]any{}})
	n.ask(t, question{"kms:CreateAlias", map[string]any{"AliasName": "alias/k", "TargetKeyId": between(key, `"KeyId":"`, `"`)}})
	n.ask(t, question{"iam:CreateRole", map[string]any{"RoleName": "f", "AssumeRolePolicyDocument": flippedTrust}})
	code := zipped(t, "fn.py", "def handler(event, context):\n    return 'as it was'\n"+strings.Repeat("# and will be\n", 200))
	n.ask(t, question{"lambda:CreateFunction", map[string]any{"FunctionName": "f", "Runtime": "python3.11", "Handler": "fn.handler",
		"Role": "arn:aws:iam::123456789012:role/f", "Timeout": 30.0, "Code": map[string]any{"ZipFile": code}}})
	want := n.answers(t)
	for _, q := range questions {
		if want[q.name] == "" {
			t.Fatalf("%s is not answered", q.name)
		}
	}
	n.stop(syscall.SIGKILL) // what is in the logs only is the more interesting
	n = startFlipped(t, dir)
	n.stop(syscall.SIGKILL)
	files := filesBelow(t, dir)
	if !slices.ContainsFunc(files, func(name string) bool { return strings.HasPrefix(name, "blobs/") }) {
		t.Fatal("no package is among the files")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	refused, unanswered := 0, 0
	for round := range rounds {
		copied := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		restrict(t, copied)
		where := flip(t, rng, copied, files[round%len(files)])
		n := startFlipped(t, copied)
		if n == nil {
			refused++
			continue
		}
		got := n.answers(t)
		reported := n.output()
		n.stop(syscall.SIGTERM)
		for _, q := range questions {
			switch {
			case got[q.name] == "":
				unanswered++
				if strings.Contains(n.said[q.name], "NotFound") || strings.Contains(n.said[q.name], "NoSuchEntity") {
					t.Errorf("%s: %s is gone, and nothing says so: %s\n%s", where, q.name, n.said[q.name], reported)
				}
			case got[q.name] != want[q.name]:
				t.Errorf("%s: %s answers %s, not %s", where, q.name, got[q.name], want[q.name])
			}
		}
	}
	t.Logf("%d files, %d flips: %d times the node did not start, %d calls were not answered", len(files), rounds, refused, unanswered)
	if refused == 0 {
		t.Error("no flip was found when the node started")
	}
}

// restrict gives files the modes that the node wants, which a copy loses.
func restrict(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// plain are files that hold nothing that was stored: a lock, addresses for
// clients, and programs, unpacked ones in memory.
func plain(name string) bool {
	return name == "lock" || name == "endpoint" || name == "ca.pem" || name == "store/LOCK" || strings.HasPrefix(name, "support/") || strings.HasPrefix(name, "code/")
}

func filesBelow(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || plain(name) {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() == 0 {
			return err
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func flip(t *testing.T, rng *rand.Rand, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at, bit := rng.IntN(len(content)), rng.IntN(8)
	content[at] ^= 1 << bit
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("bit %d of byte %d of the %d of %s", bit, at, len(content), name)
}

// flipped is a running node.
type flipped struct {
	cmd  *exec.Cmd
	url  string
	log  string
	root aws.Credentials
	said map[string]string // what was refused, and how
}

// startFlipped starts a node; nil if it refuses.
func startFlipped(t *testing.T, dir string) *flipped {
	t.Helper()
	n := &flipped{log: filepath.Join(t.TempDir(), "log"), said: map[string]string{}}
	log, err := os.Create(n.log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	n.cmd = exec.CommandContext(ctx, binary, "up", "--plaintext", "--data", dir, "--listen", "127.0.0.1:0")
	n.cmd.SysProcAttr, n.cmd.Stderr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}, log
	t.Cleanup(cancel)
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.stop(syscall.SIGKILL)
		// A node that was killed leaves its code mounted, for its next start.
		_ = syscall.Unmount(filepath.Join(dir, "code"), syscall.MNT_DETACH)
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		n.stop(syscall.SIGKILL)
		if said := n.output(); said == "" || strings.Contains(said, "panic:") || strings.Contains(said, "goroutine ") {
			t.Errorf("the node ended with %q", said)
		}
		return nil
	}
	n.url = strings.TrimSpace(strings.TrimPrefix(line, "ready "))
	root, err := node.ReadRootCredential(dir)
	if err != nil {
		t.Fatal(err)
	}
	n.root = aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: string(root.Secret.Reveal())}
	return n
}

func (n *flipped) stop(signal os.Signal) {
	_ = n.cmd.Process.Signal(signal)
	_ = n.cmd.Wait()
}

func (n *flipped) output() string {
	text, _ := os.ReadFile(n.log)
	return string(text)
}

// ask gives the answer, "" for none.
func (n *flipped) ask(t *testing.T, q question) (ok bool, body string) {
	t.Helper()
	service, name, _ := strings.Cut(q.name, ":")
	var op *awsapi.Operation
	for _, s := range node.Services() {
		if s.Name == service {
			op = s.Operation(name)
		}
	}
	res, err := http.DefaultClient.Do(wire.New(op, q.in).Signed(n.url, n.root))
	if err != nil {
		return false, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return false, err.Error()
	}
	return res.StatusCode == http.StatusOK, string(text)
}

func (n *flipped) answers(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, q := range questions {
		ok, body := n.ask(t, q)
		if !ok {
			n.said[q.name] = body
			continue
		}
		body, _, _ = strings.Cut(body, "<ResponseMetadata>")
		all[q.name] = body
	}
	return all
}

// zipped is a package of one file.
func zipped(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return string(bytes.TrimSpace([]byte(found)))
}
