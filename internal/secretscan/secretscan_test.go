package secretscan

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp/syntax"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// key is what GitHub's tokens look like, put together here so that no scanner
// takes this file for one that has a secret.
var key = "ghp_" + "x9Yb2KfLq0Zr7Tw4Vc1Nd8Ms5Jh3Gp6RaUeQ"

// drawText has what the rules look for, what nearly is, and what stands around
// it.
func drawText(t *rapid.T) string {
	rules := defaultRules().rules
	var b strings.Builder
	for range rapid.IntRange(1, 6).Draw(t, "parts") {
		b.WriteString(rapid.SampledFrom([]string{"", "\n", " ", "é", "\xff", "x", "_", "apiKey = \"", "key: ", "\"", "// the secret token\n", "\r\n\r\n", "-"}).Draw(t, "filler"))
		r := rapid.SampledFrom(rules).Draw(t, "rule")
		if r.text == "" {
			continue
		}
		re, _ := syntax.Parse(r.text, syntax.Perl)
		s := rapid.StringMatching(re.String()).Draw(t, "match")
		if n := len(s); n > 0 && rapid.Bool().Draw(t, "cut") {
			s = s[:rapid.IntRange(0, n).Draw(t, "at")]
		}
		b.WriteString(s)
	}
	return b.String()
}

// The short way finds what the long way finds. (That the long way finds what
// gitleaks finds is tested in bench/secrets.)
func TestTheShortWayFindsTheSame(t *testing.T) {
	set := defaultRules()
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t)
		path := rapid.SampledFrom([]string{"", "a.py", "b.php", "c.tf", "d.yaml"}).Draw(t, "path")
		want, _ := set.file(context.Background(), path, text, (*ruleSet).fragmentSlowly)
		got, _ := set.file(context.Background(), path, text, (*ruleSet).fragment)
		if !reflect.DeepEqual(sorted(want), sorted(got)) {
			t.Fatalf("slowly %v\nshort  %v\nin %q", want, got, text)
		}
	})
}

func sorted(found []Finding) map[Finding]int {
	all := map[Finding]int{}
	for _, f := range found {
		all[f]++
	}
	return all
}

func TestFragmentsAreTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]string{"x", "line\n", "a\n\nb ", " \r\n\t\n", "\n"}).Draw(t, "unit")
		text := strings.Repeat(unit, rapid.IntRange(0, 400_000/len(unit)).Draw(t, "times"))
		pieces := fragments(text)
		if strings.Join(pieces, "") != text {
			t.Fatal("the pieces are not the text")
		}
		for _, p := range pieces {
			if len(p) == 0 || len(p) > pieceSize+moreSize {
				t.Fatalf("a piece of %d bytes", len(p))
			}
		}
	})
}

func TestAutomaton(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfNDistinct(rapid.StringMatching(`[ab.]{1,4}`), 1, 6, rapid.ID[string]).Draw(t, "words")
		text := rapid.StringMatching(`[abAB.c]{0,30}`).Draw(t, "text")
		got := map[string]int{}
		newAutomaton(words).each(text, func(id int32, end int) {
			w := words[id]
			got[w]++
			if !strings.EqualFold(text[end-len(w):end], w) {
				t.Fatalf("%q does not end at %d", w, end)
			}
		})
		for _, w := range words {
			want := 0
			for i := range text {
				if strings.HasPrefix(strings.ToLower(text[i:]), w) {
					want++
				}
			}
			if got[w] != want {
				t.Fatalf("%q is %d times in %q, found %d", w, want, text, got[w])
			}
		}
	})
}

func TestWhereAFindingIs(t *testing.T) {
	text := "import os\n\n  token = \"" + key + "\"\n"
	found := Text("app.py", text)
	if len(found) != 1 {
		t.Fatalf("found %v", found)
	}
	f := found[0]
	if f.Rule != "github-pat" || f.Line != 3 || f.EndLine != 3 || f.Column != 12 || f.EndColumn != 51 {
		t.Errorf("found %+v", f)
	}
	wire, _ := json.Marshal(f)
	if s := fmt.Sprintf("%+v %#v %s", f, f, wire); strings.Contains(s, key[4:12]) {
		t.Errorf("the finding has the secret: %s", s)
	}
}

func TestWhatIsLetPass(t *testing.T) {
	for name, text := range map[string]string{
		"node_modules/a/index.js": "t = '" + key + "'",
		"go.sum":                  "t = '" + key + "'",
		"a.py":                    "t = '" + key + "' # gitleaks:allow",
		"b.py":                    "password = 'correct horse'",
		"c.py":                    "api_key = os.environ['API_KEY']",
	} {
		if found := Text(name, text); len(found) != 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func TestFolderAndZip(t *testing.T) {
	files := fstest.MapFS{
		"a/app.py":              {Data: []byte("x = 1\nt = '" + key + "'\n")},
		"a/z.bin":               {Data: []byte("\x00\x01" + key)},
		"b.p12":                 {Data: []byte("\x00")},
		"node_modules/x/y.js":   {Data: []byte(key)},
		"link":                  {Mode: 0o777 | 1<<27, Data: []byte("/etc/passwd")},
		"deep/er/settings.json": {Data: []byte(`{"token": "` + key + `"}`)},
	}
	want := "a/app.py:2 github-pat, b.p12:1 pkcs12-file, deep/er/settings.json:1 github-pat"
	folder, err := Folder(context.Background(), files, nil)
	if err != nil || show(folder) != want || folder.Binary != 2 || folder.Skipped != 1 {
		t.Errorf("the folder: %v %+v", err, folder)
	}
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, f := range files {
		if f.Mode&(1<<27) != 0 {
			continue
		}
		out, _ := w.Create(name)
		_, _ = out.Write(f.Data)
	}
	_ = w.Close()
	for range 2 { // the second time from memory
		archive, err := Zip(context.Background(), bytes.NewReader(buf.Bytes()), int64(buf.Len()), nil)
		if err != nil || show(archive) != want {
			t.Errorf("the zip: %v %+v", err, archive)
		}
	}
}

func show(r *Report) string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, fmt.Sprintf("%s:%d %s", f.File, f.Line, f.Rule))
	}
	return strings.Join(all, ", ")
}

func TestABombIsBounded(t *testing.T) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	out, _ := w.Create("big.txt")
	chunk := bytes.Repeat([]byte("a"), 1<<20)
	for range 65 {
		_, _ = out.Write(chunk)
	}
	_ = w.Close()
	r, err := Zip(context.Background(), bytes.NewReader(buf.Bytes()), int64(buf.Len()), nil)
	if err != nil || r.Skipped != 1 || r.Bytes != 0 {
		t.Errorf("%v %+v", err, r)
	}
}

func TestATextEndsWhenItsCallerDoes(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Folder(ctx, fstest.MapFS{"a": {Data: []byte("x")}}, nil); err == nil {
		t.Error("no error")
	}
}

// Texts that are made to take long: many keywords in one word, and many
// beginnings of what ends far away. What is found stays the same.
func TestTextsThatTakeLong(t *testing.T) {
	set := defaultRules()
	for _, text := range []string{
		strings.Repeat("skltaip8eakia", 4000),
		strings.Repeat("-----BEGIN PRIVATE KEY-----\n", 2000) + strings.Repeat("x", 100) + "\n-----END PRIVATE KEY-----\n",
		strings.Repeat("api_key=", 12000) + " = '" + key + "'",
		strings.Repeat("token secret key ", 6000) + key,
	} {
		want, _ := set.file(context.Background(), "a.txt", text, (*ruleSet).fragmentSlowly)
		got, _ := set.file(context.Background(), "a.txt", text, (*ruleSet).fragment)
		if !reflect.DeepEqual(sorted(want), sorted(got)) {
			t.Errorf("%.40q: slowly %v, short %v", text, want, got)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a.py", "api_key = '"+key+"'")
	f.Add("", "\xff\nkey=ſecret\n\n")
	f.Add("x.tf", "password = \"abc\"\n")
	f.Fuzz(func(t *testing.T, path, text string) {
		set := defaultRules()
		want, _ := set.file(context.Background(), path, text, (*ruleSet).fragmentSlowly)
		got, _ := set.file(context.Background(), path, text, (*ruleSet).fragment)
		if !reflect.DeepEqual(sorted(want), sorted(got)) {
			t.Errorf("slowly %v, short %v", want, got)
		}
	})
}
