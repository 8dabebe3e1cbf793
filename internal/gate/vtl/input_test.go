package vtl_test

import (
	"testing"

	"cloister/internal/gate/tree"
	"cloister/internal/gate/vtl"
)

func TestInput(t *testing.T) {
	in := vtl.Input{
		Body:    `{"name":"it's \"x\"","n":1,"f":2.50,"list":[1,{"a":null}],"o":{"k":"v"}}`,
		Path:    map[string]string{"id": "p"},
		Query:   map[string]string{"id": "q", "q": "a b&c"},
		Headers: map[string]string{"X-Id": "h"},
	}
	for _, c := range []struct{ template, want string }{
		{`$input.body`, in.Body},
		{`$input.json('$')`, `{"name":"it's \"x\"","n":1,"f":2.5,"list":[1,{"a":null}],"o":{"k":"v"}}`},
		{`$input.json('$.name') $input.json("$.n") $input.json('$.missing')`, `"it's \"x\"" 1 ""`},
		{`$input.path('$.n') $input.path('$.list') $input.path('$.o') $input.path('$').list[1]`, `1 [1,{"a":null}] {k=v} {a=null}`},
		{`$!input.path('$.missing')|#if($input.path('$.missing'))yes#{else}no#end`, `|no`},
		{`#set($root = $input.path('$'))$root.o.k $root.list.size() $root.name.length()`, `v 2 8`},
		{`#foreach($e in $input.path('$.list'))$e#if($foreach.hasNext);#end#end`, `1;{a=null}`},
		{`$input.params('id') $input.params('q') $input.params('x-id') [$input.params('none')]`, `p a b&c h []`},
		{`$input.params().path.id $input.params().querystring.get('id') $input.params().header.get("X-Id")`, `p q h`},
		{`#foreach($t in $input.params().keySet())$t:#foreach($k in $input.params().get($t).keySet())$k,#end#end`, `path:id,querystring:id,q,header:X-Id,`},
		{`$util.escapeJavaScript($input.path('$.name')) $util.escapeJavaScript("a/é🎉")`, `it\'s \"x\" a\/\u00E9\uD83C\uDF89`},
		{`$util.escapeJavaScript($input.path('$.name')).replaceAll("\\'","'")`, `it's \"x\"`},
		{`$util.urlEncode($input.params('q')) $util.urlDecode("a%20b+c")`, `a+b%26c a b c`},
		{`$util.base64Encode("hi?") $util.base64Decode("aGk/")`, `aGk/ hi?`},
		{`#set($p = $util.parseJson('{"a":{"b":[1,2]}}'))$p.a.b[1] $p`, `2 {a={b=[1,2]}}`},
		{`#set($context.responseOverride.status = 418)$context.responseOverride.status`, `418`},
		{`$input.nothing() $util.nothing("x") $input.secret`, `$input.nothing() $util.nothing("x") $input.secret`},
	} {
		vars := vtl.Variables(in)
		context := tree.NewMap()
		context.Put("responseOverride", tree.NewMap())
		vars["context"] = context
		if got := render(c.template, vars); got != c.want {
			t.Errorf("%s\n gives %s\n  want %s", c.template, got, c.want)
		}
	}
	for _, template := range []string{`$input.json('$[')`, `$util.parseJson('{')`, `$util.base64Decode('!')`, `$util.urlDecode('%')`} {
		if got := render(template, vtl.Variables(in)); got[:6] != "FAILED" {
			t.Errorf("%s gives %s", template, got)
		}
	}
	if got := render(`[$input.body] $input.json('$')`, vtl.Variables(vtl.Input{})); got != `[] {}` {
		t.Errorf("an empty body is %s", got)
	}
	if got := render(`$input.json('$')`, vtl.Variables(vtl.Input{Body: "not JSON"})); got[:6] != "FAILED" {
		t.Errorf("a body that is no JSON is %s", got)
	}
}
