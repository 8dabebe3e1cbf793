package e2e

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// python is the interpreter that has boto3: the distribution's.
func python() string {
	if _, err := os.Stat("/usr/bin/python3"); err == nil {
		return "/usr/bin/python3"
	}
	return "python3"
}

// finish reports how a program of the script's ended. exit=N before the
// arguments asks for an exit code.
func finish(ts *testscript.TestScript, neg bool, cmd *exec.Cmd, want int) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	_, _ = ts.Stdout().Write(stdout.Bytes())
	_, _ = ts.Stderr().Write(stderr.Bytes())
	code := cmd.ProcessState.ExitCode()
	switch {
	case cmd.ProcessState == nil:
		ts.Check(err)
	case want >= 0 && code != want:
		ts.Fatalf("%s: exit code %d, not %d\n%s%s", cmd.Args, code, want, stdout.String(), stderr.String())
	case want < 0 && neg == (code == 0):
		ts.Fatalf("%s: exit code %d\n%s%s", cmd.Args, code, stdout.String(), stderr.String())
	}
}

// cloister is `cloister [exit=N] ARGS`: the binary under test.
func cloister(ts *testscript.TestScript, neg bool, args []string) {
	want := -1
	if len(args) > 0 && strings.HasPrefix(args[0], "exit=") {
		n, err := strconv.Atoi(args[0][5:])
		ts.Check(err)
		want, args = n, args[1:]
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(nodeEnv(ts), "CLOISTER_DATA="+ts.Getenv("CLOISTER_DATA"))
	finish(ts, neg, cmd, want)
}

// shell is `sh SCRIPT`: a line of a user's shell.
func shell(ts *testscript.TestScript, neg bool, args []string) {
	cmd := exec.Command("sh", "-euc", strings.Join(args, " "))
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(nodeEnv(ts), "CLOISTER_DATA="+ts.Getenv("CLOISTER_DATA"), "PATH="+ts.Getenv("PATH"))
	finish(ts, neg, cmd, -1)
}

// page is `page FILE`: the commands of a page of docs, all but those that start a
// node, run by a shell.
func page(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: page FILE")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", args[0]))
	ts.Check(err)
	var commands []string
	for _, line := range strings.Split(string(text), "\n") {
		if command, ok := strings.CutPrefix(line, "    "); ok && !strings.Contains(command, "cloister up") {
			commands = append(commands, strings.ReplaceAll(command, "./bin/cloister", "cloister"))
		}
	}
	shell(ts, neg, []string{strings.Join(commands, "\n")})
}

// awscli is `awscli ARGS`: the aws CLI of this machine. Those older than
// AWS_ENDPOINT_URL (botocore before 1.31, aws-cli 2 before 2.13) are given
// --endpoint-url.
func awscli(ts *testscript.TestScript, neg bool, args []string) {
	if !awsKnowsEndpointURL() {
		args = append([]string{"--endpoint-url", ts.Getenv("AWS_ENDPOINT_URL")}, args...)
	}
	cmd := exec.Command("aws", args...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "AWS_PAGER=", "AWS_DEFAULT_OUTPUT=json")
	for _, name := range []string{
		"AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
	} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	for _, name := range []string{"AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	finish(ts, neg, cmd, -1)
}

// capture is `capture NAME PATTERN`: the pattern's group in what the last
// command wrote, as the variable NAME.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATTERN")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%s is not in the output: %v", args[1], found)
	}
	ts.Setenv(args[0], found[1])
}

var awsKnowsEndpointURL = sync.OnceValue(func() bool {
	text, _ := exec.Command("aws", "--version").CombinedOutput()
	found := regexp.MustCompile(`aws-cli/(\d+)\.(\d+)`).FindSubmatch(text)
	if found == nil {
		return false
	}
	major, _ := strconv.Atoi(string(found[1]))
	minor, _ := strconv.Atoi(string(found[2]))
	return major == 1 && minor >= 29 || major == 2 && minor >= 13 || major > 2
})

// zipFiles is `zip OUT FILE…`; NAME:FILE stores FILE as NAME, NAME->TARGET a
// symbolic link.
func zipFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: zip OUT FILE…")
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, arg := range args[1:] {
		ts.Check(addFile(ts, w, arg))
	}
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

func addFile(ts *testscript.TestScript, w *zip.Writer, arg string) error {
	header := &zip.FileHeader{Method: zip.Deflate}
	header.SetMode(0o755)
	content := ""
	if name, target, link := strings.Cut(arg, "->"); link {
		header.Name, content = name, target
		header.SetMode(0o777 | fs.ModeSymlink)
	} else if name, file, other := strings.Cut(arg, ":"); other {
		header.Name, content = name, ts.ReadFile(file)
	} else {
		header.Name, content = arg, ts.ReadFile(arg)
	}
	f, err := w.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(content))
	return err
}

// zipOf is a deployment package of one file.
func zipOf(t *testing.T, name string, content []byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(0o755)
	f, err := w.CreateHeader(header)
	if err == nil {
		_, err = f.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var buildFunction = sync.OnceValues(func() (string, error) {
	out := filepath.Join(buildDir, "bootstrap")
	return out, goBuild(out, "./testdata/function")
})

// gofunction is `gofunction OUT`: the compiled function testdata/function as a
// deployment package.
func gofunction(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: gofunction OUT")
	}
	bootstrap, err := buildFunction()
	ts.Check(err)
	zipFiles(ts, false, []string{args[0], "bootstrap:" + bootstrap})
}

// mode is `mode OCTAL FILE…`.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args[1:] {
		info, err := os.Stat(ts.MkAbs(file))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); (got == args[0]) == neg {
			ts.Fatalf("%s has mode %s", file, got)
		}
	}
}

// damage is `damage flip FILE OFFSET` or `damage cut FILE BYTES`: what an
// intruder does to a file. A negative offset counts from the end.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: damage flip FILE OFFSET, damage cut FILE BYTES")
	}
	matches, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(matches) != 1 {
		ts.Fatalf("%s names %d files", args[1], len(matches))
	}
	text, err := os.ReadFile(matches[0])
	ts.Check(err)
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	if args[0] == "cut" {
		text = text[:len(text)-n]
	} else {
		text[(n+len(text))%len(text)] ^= 1
	}
	ts.Check(os.WriteFile(matches[0], text, 0o600))
}
