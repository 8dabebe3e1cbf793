package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// binary is the product under test.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cloister-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	buildDir = dir
	if binary = os.Getenv("CLOISTER_BIN"); binary == "" {
		binary = filepath.Join(dir, "cloister")
		if err := goBuild(binary, "cloister/cmd/cloister"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// buildDir holds what is built for the tests.
var buildDir string

// goBuild builds a static binary, the way the README does.
func goBuild(out, pkg string) error {
	build := exec.Command("go", "build", "-o", out, pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// TestScripts runs testdata/script: each file is a specification, with a node
// of its own where it starts one.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               setup,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		ContinueOnError:     true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"awscli":     awscli,
			"call":       call,
			"capture":    capture,
			"cloister":   cloister,
			"damage":     damage,
			"eventually": eventually,
			"gofunction": gofunction,
			"issuer":     issuer,
			"login":      login,
			"mode":       mode,
			"node":       nodeCommand,
			"sh":         shell,
			"page":       page,
			"zip":        zipFiles,
		},
	})
}

// setup gives a script what it may name.
func setup(env *testscript.Env) error {
	js, err := filepath.Abs("../js")
	if err != nil {
		return err
	}
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("DATA", filepath.Join(env.WorkDir, "data"))
	env.Setenv("CLOISTER_DATA", filepath.Join(env.WorkDir, "data"))
	env.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	env.Setenv("JS", js)
	env.Setenv("PYTHON", python())
	env.Setenv("ACCOUNT", "123456789012")
	env.Setenv("ROLE", "arn:aws:iam::123456789012:role/function")
	env.Setenv("FUNCTION", "arn:aws:lambda:us-east-1:123456789012:function")
	env.Setenv("AWS_CONFIG_FILE", os.DevNull)
	env.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	env.Values[worldKey{}] = newWorld(env)
	return os.Symlink(filepath.Join(js, "node_modules"), filepath.Join(env.WorkDir, "node_modules"))
}
