package secrets

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp/syntax"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
)

func detector(t testing.TB) *detect.Detector {
	d, err := NewDetector()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func theirs(t testing.TB, d *detect.Detector, path string, content []byte) []string {
	found, err := Theirs(d, path, content)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func compare(t *testing.T, d *detect.Detector, path string, content []byte) int {
	t.Helper()
	want, got := theirs(t, d, path, content), Ours(path, content)
	if !slices.Equal(want, got) {
		t.Errorf("%s (%d bytes):\ngitleaks %q\nours     %q", path, len(content), want, got)
		if dir := os.Getenv("DIFFERENCES"); dir != "" {
			_ = os.WriteFile(filepath.Join(dir, strconv.Itoa(len(content))+"-"+filepath.Base(path)), content, 0o600)
		}
	}
	return len(want)
}

// Texts made of what the rules look for, of what nearly is, and of filler, in
// every kind of surroundings.
func TestSameFindingsInMadeTexts(t *testing.T) {
	d := detector(t)
	rng := rand.New(rand.NewPCG(uint64(amount("SEED", 1)), 2))
	var rules []config.Rule
	for _, id := range d.Config.OrderedRules {
		if r := d.Config.Rules[id]; r.Regex != nil {
			rules = append(rules, r)
		}
	}
	total := 0
	for i := range amount("TEXTS", 400) {
		var b strings.Builder
		for range 1 + rng.IntN(12) {
			r := rules[rng.IntN(len(rules))]
			if rng.IntN(4) == 0 {
				r = d.Config.Rules["generic-api-key"]
			}
			b.WriteString(filler(rng))
			if rng.IntN(3) == 0 && len(r.Keywords) > 0 {
				b.WriteString(r.Keywords[rng.IntN(len(r.Keywords))])
				b.WriteString(filler(rng))
			}
			re, _ := syntax.Parse(r.Regex.String(), syntax.Perl)
			b.WriteString(mutate(rng, sample(rng, re)))
		}
		b.WriteString(filler(rng))
		path := []string{"a.txt", "src/app.py", "x.php", "main.tf", "k8s.yaml", "nuget.config", "deploy.sh", "n.ipynb"}[i%8]
		total += compare(t, d, path, []byte(b.String()))
	}
	if total < 1000 {
		t.Errorf("only %d findings: the texts are too poor", total)
	}
	t.Logf("%d findings in all", total)
}

func amount(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func filler(rng *rand.Rand) string {
	all := []string{"\n", "\n\n", " ", "; ", "\"", "x", "_", "é", "\xff", "\r\n", "\nconst apiKey = \"", "\npassword: ", " = '",
		"\n// the key of the token is secret, author and access\n", "{\"token\":\"", "ſ", "日本", "\n\n\n", "-", "=", "// gitleaks:allow\n",
		strings.Repeat("lorem ipsum key token ", 300), strings.Repeat("function(a,b){return a.key(b)};", 4000), strings.Repeat("\nline of text", 9000)}
	n := len(all)
	if rng.IntN(12) > 0 {
		n -= 3
	}
	return all[rng.IntN(n)]
}

func mutate(rng *rand.Rand, s string) string {
	if len(s) == 0 || rng.IntN(3) > 0 {
		return s
	}
	i := rng.IntN(len(s))
	switch rng.IntN(3) {
	case 0:
		return s[:i] + s[i+1:]
	case 1:
		return s[:i]
	}
	return s[:i] + string("aZ0 \n-_=\"é"[rng.IntN(10)]) + s[i:]
}

// sample is a text that an expression matches, but for its assertions.
func sample(rng *rand.Rand, re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		s := string(re.Rune)
		if re.Flags&syntax.FoldCase != 0 && rng.IntN(2) == 0 {
			s = strings.ToLower(s)
		}
		return s
	case syntax.OpCharClass:
		i := 2 * rng.IntN(len(re.Rune)/2)
		lo, hi := re.Rune[i], re.Rune[i+1]
		if lo >= 0x80 && rng.IntN(50) > 0 {
			lo, hi = re.Rune[0], re.Rune[1]
		}
		return string(lo + rune(rng.IntN(min(int(hi-lo)+1, 100))))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return string(rune('!' + rng.IntN(90)))
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(sample(rng, sub))
		}
		return b.String()
	case syntax.OpAlternate:
		return sample(rng, re.Sub[rng.IntN(len(re.Sub))])
	case syntax.OpCapture:
		return sample(rng, re.Sub[0])
	case syntax.OpQuest, syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		return repeated(rng, re)
	}
	return ""
}

func repeated(rng *rand.Rand, re *syntax.Regexp) string {
	low, high := re.Min, re.Max
	switch re.Op {
	case syntax.OpQuest:
		low, high = 0, 1
	case syntax.OpStar:
		low, high = 0, 30
	case syntax.OpPlus:
		low, high = 1, 30
	}
	if high < 0 {
		high = low + 40
	}
	var b strings.Builder
	for range low + rng.IntN(high-low+1) {
		b.WriteString(sample(rng, re.Sub[0]))
	}
	return b.String()
}

// Real files: Go's own sources and those of the modules that are here.
func TestSameFindingsInRealFiles(t *testing.T) {
	d := detector(t)
	left := amount("REAL_MB", 4) << 20
	total, files := 0, 0
	for _, dir := range []string{"testdata", filepath.Join(runtime.GOROOT(), "src", "crypto"), filepath.Join(runtime.GOROOT(), "src", "net"), filepath.Join(runtime.GOROOT(), "src", "cmd"), os.Getenv("CORPUS")} {
		if dir == "" {
			continue
		}
		_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || left < 0 {
				return nil
			}
			content, err := os.ReadFile(path)
			if err != nil || bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0 {
				return nil
			}
			left -= len(content)
			files++
			total += compare(t, d, path, content)
			return nil
		})
	}
	t.Logf("%d files, %d findings", files, total)
	if files < 100 {
		t.Errorf("only %d files", files)
	}
}
