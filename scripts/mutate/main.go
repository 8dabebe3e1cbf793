// Command mutate tests the tests of the policy evaluator: it makes small changes
// of the code, one at a time, and says which of them no test notices. It takes
// no dependencies, and is a module of its own because nothing imports it.
//
// All changes are compiled into one test binary, each behind a number that the
// environment turns on: a run of the tests is one mutant. A test that fails,
// panics or does not end kills it.
//
//	go run . -root ../.. [-sample 5] [-list]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// files decide: what they get wrong gives or takes access.
var files = []string{
	"action.go", "arn.go", "condition.go", "date.go", "evaluate.go", "glob.go", "number.go", "opening.go",
	"operands.go", "pattern.go", "principal.go", "request.go",
}

// Quick tests go first; what they let live meets the comparison with the naive
// evaluator, on fewer sets than usual.
var runs = [][]string{
	{"-test.short", "-test.run=TestEvaluation|TestConditions|TestSyntax|TestExplain|TestDeciding|TestContextKeys|TestManyStars|TestZeroValues|TestMisplacedPolicy|TestSpeaksTo|TestGrants|TestOldVersion|TestEvaluateDoesNotAllocate"},
	{"-test.short", "-test.run=TestAgreesWithNaive"},
}

const limit = 60 * time.Second

func main() {
	root := flag.String("root", ".", "the source tree")
	sample := flag.Int("sample", 1, "try every n-th mutant only")
	list := flag.Bool("list", false, "list the mutants and run none")
	flag.Parse()
	if err := run(*root, *sample, *list); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(root string, sample int, list bool) error {
	dir, err := filepath.Abs(filepath.Join(root, "policy"))
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "cloister-mutate-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	mutants, overlay, err := mutate(dir, work)
	if err != nil {
		return err
	}
	if list {
		for _, m := range mutants {
			fmt.Println(m)
		}
		return nil
	}
	binary, err := build(dir, work, overlay)
	if err != nil {
		return err
	}
	if killed := tried(dir, binary, 0); killed {
		return fmt.Errorf("the tests fail without any mutant")
	}
	var tries, dead int
	for i, m := range mutants {
		if i%sample != 0 {
			continue
		}
		tries++
		if tried(dir, binary, m.number) {
			dead++
			continue
		}
		fmt.Println("lives:", m)
	}
	fmt.Printf("%d of %d mutants were killed: %.1f%%\n", dead, tries, 100*float64(dead)/float64(max(tries, 1)))
	return nil
}

func build(dir, work string, overlay map[string]string) (string, error) {
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return "", err
	}
	file, binary := filepath.Join(work, "overlay.json"), filepath.Join(work, "policy.test")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "test", "-c", "-overlay", file, "-o", binary, ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the mutants do not compile: %w\n%s", err, out)
	}
	return binary, nil
}

// tried says whether a test noticed the mutant.
func tried(dir, binary string, number int) bool {
	for _, args := range runs {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		cmd := exec.CommandContext(ctx, binary, append(args, "-test.failfast", "-rapid.nofailfile", "-rapid.shrinktime=1ms")...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), fmt.Sprintf("MUTANT=%d", number))
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		cancel()
		if err != nil {
			if number == 0 {
				fmt.Fprintln(os.Stderr, strings.TrimSpace(out.String()))
			}
			return true
		}
	}
	return false
}
