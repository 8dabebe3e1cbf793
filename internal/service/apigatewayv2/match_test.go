package apigatewayv2

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func keysOf(texts ...string) (all []*route) {
	for _, text := range texts {
		k, err := parseRouteKey(text)
		if err != nil {
			panic(err)
		}
		all = append(all, &route{key: k, text: text})
	}
	order(all)
	return all
}

// The first of these are the examples of AWS's page about routes
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html).
func TestMatch(t *testing.T) {
	routes := keysOf("$default", "ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog/{id}", "GET /pets/dog/1", "ANY /both/{a}", "POST /both/{b}", "GET /{a}/x", "GET /deep/{p+}", "ANY /deep/er/{p+}", "GET /")
	for request, want := range map[string]string{
		"GET /pets/dog/1": "GET /pets/dog/1", "GET /pets/dog/2": "GET /pets/dog/{id} map[id:2]", "GET /pets/cat/1": "GET /pets/{proxy+} map[proxy:cat/1]",
		"POST /test/5": "ANY /{proxy+} map[proxy:test/5]", "POST /both/1": "POST /both/{b} map[b:1]", "PUT /both/1": "ANY /both/{a} map[a:1]",
		"GET /pets/x": "GET /{a}/x map[a:pets]", "GET /deep/er/1": "ANY /deep/er/{p+} map[p:1]", "GET /deep/other": "GET /deep/{p+} map[p:other]",
		"GET /": "GET /", "POST /": "$default", "GET /pets": "ANY /{proxy+} map[proxy:pets]",
	} {
		method, path, _ := strings.Cut(request, " ")
		_, segments, ok := readPath(path)
		if !ok {
			t.Fatal(path)
		}
		r, parameters := match(routes, method, segments)
		got := r.text
		if parameters != nil {
			got += " " + fmt.Sprint(parameters)
		}
		if got != want {
			t.Errorf("%s is %s, want %s", request, got, want)
		}
	}
	if r, _ := match(keysOf("GET /a"), "GET", []string{"A"}); r != nil {
		t.Error("case does not count")
	}
}

func TestRouteKeys(t *testing.T) {
	for _, bad := range []string{"", "GET", "/a", "GET a", "get /a", "BREW /a", "GET  /a", "GET /a b", "GET /a//b", "GET /a/", "GET /{a}/{a}", "GET /{a+}/b", "GET /{}", "GET /{+}", "GET /a{b}", "GET /../a", "GET /.", "GET /a?b", "GET /%61", "$Default", "$connect"} {
		if _, err := parseRouteKey(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if !sameKey("GET /a/{b}", "GET /a/{c}") || sameKey("GET /a/{b}", "GET /a/{b+}") || sameKey("GET /a", "ANY /a") {
		t.Error("keys are told apart by the names of their variables, or not at all")
	}
}

// Whatever the routes, the order is one: who comes first does not depend on the
// order in which routes were made.
func TestOrderIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.SampledFrom([]string{"a", "b", "{v}", "{w+}"})
		texts := map[string]bool{}
		for range rapid.IntRange(1, 12).Draw(t, "routes") {
			text := rapid.SampledFrom([]string{"GET", "ANY"}).Draw(t, "method") + " "
			for range rapid.IntRange(1, 3).Draw(t, "segments") {
				text += "/" + segment.Draw(t, "segment")
			}
			if _, err := parseRouteKey(text); err == nil {
				texts[anonymousKey(text)] = true
			}
		}
		var one, two []string
		for text := range texts {
			text = strings.ReplaceAll(strings.ReplaceAll(strings.Replace(text, "/", " /", 1), "{}", "{v}"), "{+}", "{w+}")
			for i := 0; strings.Contains(text, "{v}"); i++ {
				text = strings.Replace(text, "{v}", fmt.Sprintf("{v%d}", i), 1)
			}
			one, two = append(one, text), append([]string{text}, two...)
		}
		path := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 4).Draw(t, "path")
		x, _ := match(keysOf(one...), "GET", path)
		y, _ := match(keysOf(two...), "GET", path)
		if (x == nil) != (y == nil) || x != nil && x.text != y.text {
			t.Fatalf("%v: %v or %v", path, x, y)
		}
	})
}

// A path that was read once is read the same again, and has nothing in it that a
// next server would take away.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/a/b", "/%2e%2e/a", "/a%2Fb", "//", "/a;x/..;/b", `/\..\a`, "/%00", "/%ff", "/a/", "/%252e%252e/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		path, segments, ok := readPath(escaped)
		if !ok {
			return
		}
		if !utf8.ValidString(path) || strings.ContainsAny(path, "\\\x00\r\n") || strings.Contains(path, "//") {
			t.Fatalf("%q is %q", escaped, path)
		}
		for _, s := range segments {
			if name, _, _ := strings.Cut(s, ";"); name == "." || name == ".." || strings.Contains(s, "/") {
				t.Fatalf("%q has the segment %q", escaped, s)
			}
		}
		again, _, ok := readPath((&url.URL{Path: path}).EscapedPath())
		if ok && !strings.Contains(path, "%2F") && again != path {
			t.Fatalf("%q is %q and then %q", escaped, path, again)
		}
	})
}
