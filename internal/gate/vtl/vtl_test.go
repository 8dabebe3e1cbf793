package vtl_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"cloister/internal/gate/vtl"
)

// TestVelocity renders what Apache Velocity 1.7 rendered: testdata/velocity.txt has
// templates and what came of them there.
func TestVelocity(t *testing.T) {
	text, err := os.ReadFile("testdata/velocity.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range strings.Split(strings.TrimSuffix(string(text), "\n====\n"), "\n====\n") {
		template, want, ok := strings.Cut(c, "\n----\n")
		if !ok {
			t.Fatalf("no answer in %q", c)
		}
		if got := render(template, map[string]any{}); got != want {
			t.Errorf("%s\n gives\n%s\n want\n%s", template, got, want)
		}
	}
}

func render(template string, vars map[string]any) string {
	parsed, err := vtl.Parse(template)
	if err != nil {
		return "ERROR"
	}
	got, err := parsed.Render(vars)
	if err != nil {
		return "FAILED " + err.Error()
	}
	return got
}

// TestBounds renders what would take for ever.
func TestBounds(t *testing.T) {
	nested := strings.Repeat("#foreach($i in [1..1000])", 4) + "x" + strings.Repeat("#end", 4)
	for what, template := range map[string]string{
		"loops in loops":             nested,
		"a macro that calls itself":  `#macro(a)#a()#end#a()`,
		"a block that is in itself":  `#define($a)$a#end$a`,
		"a string that doubles":      `#set($s = "0123456789")#foreach($i in [1..1000])#set($s = "$s$s")#end`,
		"a string that is repeated":  `#set($s = "0123456789")$s.repeat(2000000000)`,
		"a sum that doubles":         `#set($s = "0123456789")#foreach($i in [1..1000])#set($s = $s + $s)#end`,
		"replacements that grow":     `#set($s = "xxxx")#foreach($i in [1..1000])#set($s = $s.replace("x","xxxx"))#end`,
		"patterns that grow":         `#set($s = "xxxx")#foreach($i in [1..1000])#set($s = $s.replaceAll("x","$0$0$0"))#end`,
		"a range":                    `#set($r = [0..2000000000])`,
		"a range of everything":      `#set($r = [-9223372036854775807..9223372036854775807])`,
		"a list in itself":           `#set($l = [])#set($d = $l.add($l))$l`,
		"a map in itself":            `#set($m = {})#set($m.m = $m)$m`,
		"an entry in itself":         `#set($m = {"k":1})#foreach($e in $m.entrySet())#set($m.k = $e)$e#end`,
		"a list that doubles":        `#set($l = [1])#foreach($i in [1..100])#set($d = $l.addAll($l))#end`,
		"a pattern that takes long":  `#set($s = "a")#set($s = $s.repeat(1000000))#foreach($i in [1..1000])$s.matches("(a|b|ab)*c{1,500}")#end`,
		"arguments in arguments":     `#macro(a $x)$x$x#b("$x$x")#end#macro(b $y)#a("$y$y")#end#a("1")`,
		"a block that calls a macro": `#macro(m)$d#end#define($d)#m()#end$d`,
	} {
		parsed, err := vtl.Parse(template)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if _, err := parsed.Render(map[string]any{}); !errors.Is(err, vtl.ErrTooMuch) {
			t.Errorf("%s ends with %v", what, err)
		}
	}
	for what, template := range map[string]string{
		"parentheses": "#set($a = " + strings.Repeat("(", 10000),
		"lists":       "#set($a = " + strings.Repeat("[", 10000),
		"maps":        "#set($a = " + strings.Repeat("{a:", 10000),
		"conditions":  strings.Repeat("#if(true)", 10000),
		"negations":   "#if(" + strings.Repeat("!", 10000) + "true)#end",
		"indices":     strings.Repeat("$a[", 10000),
		"calls":       strings.Repeat("$a.b(", 10000),
		"sums":        "#set($a = 1" + strings.Repeat("+1", 10000) + ")",
		"a long one":  strings.Repeat("x", vtl.MaxTemplate+1),
	} {
		if _, err := vtl.Parse(template); err == nil {
			t.Errorf("%s were read", what)
		}
	}
}

func TestRefusedDirectives(t *testing.T) {
	for _, template := range []string{`#include("/etc/passwd")`, `#parse("x")`, `#evaluate("$x")`, `#set($s = "")$s.replaceAll("(?=a)", "b")`} {
		if got := render(template, map[string]any{}); got != "ERROR" && !strings.HasPrefix(got, "FAILED") {
			t.Errorf("%s gives %q", template, got)
		}
	}
	for _, template := range []string{`$s.class.name`, `$s.getClass().forName("java.lang.Runtime")`, `$s.bytes`} {
		if got := render(template, map[string]any{"s": "x"}); got != template {
			t.Errorf("%s gives %q", template, got)
		}
	}
}

func FuzzRender(f *testing.F) {
	text, err := os.ReadFile("testdata/velocity.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range strings.Split(string(text), "\n====\n") {
		template, _, _ := strings.Cut(c, "\n----\n")
		f.Add(template, `{"a":[1,{"b":"c"}]}`)
	}
	f.Add(`$input.json('$') $input.path($input.params('x')) $util.parseJson($input.body).a $util.escapeJavaScript("'") $util.base64Decode("!")`, `{"a":1}`)
	f.Fuzz(func(t *testing.T, template, body string) {
		parsed, err := vtl.Parse(template)
		if err != nil {
			return
		}
		vars := vtl.Variables(vtl.Input{Body: body})
		_, _ = parsed.Render(vars)
	})
}
