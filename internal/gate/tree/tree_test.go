package tree_test

import (
	"testing"

	"cloister/internal/gate/tree"
)

const document = `{"store":{"book":[
  {"category":"reference","author":"Rees","title":"Sayings","price":8.95},
  {"category":"fiction","author":"Waugh","title":"Sword","price":12.99},
  {"category":"fiction","author":"Melville","title":"Moby","isbn":"0-553","price":8.99},
  {"category":"fiction","author":"Tolkien","title":"Ring","isbn":"0-395","price":22.99}],
  "bicycle":{"color":"red","price":19.95}},"expensive":10,"a b":{"c.d":[1,[2,3],null]},"big":123456789012345678901234567890,"e":1e3}`

func TestPaths(t *testing.T) {
	root, err := tree.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{"$.expensive", "10"},
		{"expensive", "10"},
		{"$['a b']['c.d'][1][0]", "2"},
		{"$['a b']['c.d'][-1]", "null"},
		{"$['a b']['c.d'][7]", "nothing"},
		{"$.store.book[0].title", `"Sayings"`},
		{"$.store.book[*].author", `["Rees","Waugh","Melville","Tolkien"]`},
		{"$..author", `["Rees","Waugh","Melville","Tolkien"]`},
		{"$.store..price", `[8.95,12.99,8.99,22.99,19.95]`},
		{"$..book[2].title", `["Moby"]`},
		{"$..book[0,1].title", `["Sayings","Sword"]`},
		{"$.store.book[:2].title", `["Sayings","Sword"]`},
		{"$.store.book[-1:].title", `["Ring"]`},
		{"$.store.book[1:3].title", `["Sword","Moby"]`},
		{"$..book[?(@.isbn)].title", `["Moby","Ring"]`},
		{"$..book[?(!@.isbn)].title", `["Sayings","Sword"]`},
		{"$.store.book[?(@.price < 10)].title", `["Sayings","Moby"]`},
		{"$..book[?(@.price <= $['expensive'])].title", `["Sayings","Moby"]`},
		{"$..book[?(@.author =~ /.*REES/i)].title", `["Sayings"]`},
		{"$..book[?(@.category=='fiction' && @.price<10 || @.author == 'Rees')].title", `["Sayings","Moby"]`},
		{"$..book[?(@.author in ['Rees','Waugh'])].title", `["Sayings","Sword"]`},
		{"$.store.*", `[[{"category":"reference","author":"Rees","title":"Sayings","price":8.95},{"category":"fiction","author":"Waugh","title":"Sword","price":12.99},{"category":"fiction","author":"Melville","title":"Moby","isbn":"0-553","price":8.99},{"category":"fiction","author":"Tolkien","title":"Ring","isbn":"0-395","price":22.99}],{"color":"red","price":19.95}]`},
		{"$.store.bicycle['color','price']", `["red",19.95]`},
		{"$.store.book.length()", "4"},
		{"$..book.length()", "1"},
		{"$.store.bicycle.keys()", `["color","price"]`},
		{"$..price.max()", "22.99"},
		{"$.big", "123456789012345678901234567890"},
		{"$.e", "1000.0"},
		{"$.nothing.here", "nothing"},
		{"$.", "refused"},
		{"$[", "refused"},
		{"$['a", "refused"},
		{"$[?(@.a ==)]", "refused"},
		{"$[?(@.a =~ /(/)]", "refused"},
		{"$.a b", "refused"},
		{"", "refused"},
	} {
		if got := find(t, root, c.path); got != c.want {
			t.Errorf("%s finds %s, want %s", c.path, got, c.want)
		}
	}
}

func find(t *testing.T, root any, path string) string {
	t.Helper()
	p, err := tree.ParsePath(path)
	if err != nil {
		return "refused"
	}
	v, found, err := p.Find(root)
	switch {
	case err != nil:
		return err.Error()
	case !found:
		return "nothing"
	}
	text, ok := tree.JSON(v, 1<<20)
	if !ok {
		t.Errorf("%s: what it finds cannot be written", path)
	}
	return text
}

func TestJava(t *testing.T) {
	for _, c := range []struct{ document, want string }{
		{`{"a":1,"b":[{"c":5}],"d":{"e":"f"}}`, `{a=1, b=[{"c":5}], d={e=f}}`},
		{`["a",1.0,true,null]`, `["a",1.0,true,null]`},
		{`1e7`, "1.0E7"}, {`12345.678`, "12345.678"}, {`0.0001`, "1.0E-4"}, {`-0.5`, "-0.5"},
		{`{}`, "{}"}, {`[]`, "[]"}, {`"</script>"`, "</script>"},
	} {
		v, err := tree.Parse([]byte(c.document))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := tree.String(v, 1<<20); got != c.want {
			t.Errorf("%s is %s, want %s", c.document, got, c.want)
		}
	}
}

func TestBounds(t *testing.T) {
	deep := make([]byte, 1000)
	for i := range deep {
		deep[i] = '['
	}
	if _, err := tree.Parse(deep); err == nil {
		t.Error("a deep document was read")
	}
	for _, bad := range []string{"", "{", `{"a":1}}`, `[1,]`, "nul", `{"a":1}x`} {
		if _, err := tree.Parse([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	m := tree.NewMap()
	m.Put("self", m)
	if _, ok := tree.JSON(m, 1<<20); ok {
		t.Error("a map that contains itself was written")
	}
	if _, ok := tree.String(m, 100); ok {
		t.Error("a map that contains itself was written")
	}
	p, err := tree.ParsePath("$..*..*..*..*..*")
	if err != nil {
		t.Fatal(err)
	}
	root, _ := tree.Parse([]byte(document))
	if _, _, err := p.Find(root); err != nil {
		t.Log(err)
	}
	wide := &tree.List{}
	for range 1000 {
		wide.Items = append(wide.Items, &tree.List{Items: make([]any, 1000)})
	}
	if p, err = tree.ParsePath("$..*"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Find(wide); err == nil {
		t.Error("a path visited a million places")
	}
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{"$", "$.a[?(@.b == 1 && $.c =~ /x/i)]", "$..*", "$['a','b'][1:2]", "$[?(!(@.x in [1,'y']))].length()"} {
		f.Add(path, document)
	}
	f.Fuzz(func(t *testing.T, path, document string) {
		root, err := tree.Parse([]byte(document))
		if err != nil {
			return
		}
		p, err := tree.ParsePath(path)
		if err != nil {
			return
		}
		v, found, err := p.Find(root)
		if text, ok := tree.JSON(v, 1<<20); err == nil && found && ok {
			if _, err := tree.Parse([]byte(text)); err != nil {
				t.Errorf("%s is no JSON: %v", text, err)
			}
		}
	})
}
