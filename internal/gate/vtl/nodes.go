package vtl

// A Template is a parsed template. It is immutable and safe for concurrent use.
type Template struct {
	body   block
	macros map[string]*macro
}

// A node is a part of a template that renders itself.
type node interface{ render(r *run) error }

type block []node

type text string

// A reference is $name with what follows it.
type reference struct {
	source string // as written
	name   string
	quiet  bool
	parts  []part
}

// A part is .property, .method(…) or [index].
type part struct {
	name   string // "" for an index
	method bool
	args   []expr
}

// escaped is a reference with backslashes before it.
type escaped struct {
	slashes int
	ref     *reference
}

type set struct {
	to    *reference
	value expr
}

type choice struct {
	branches []branch
}

// A branch without condition is the #else.
type branch struct {
	condition expr
	body      block
}

type foreach struct {
	name string
	in   expr
	body block
}

type define struct {
	name string
	body block
}

type macro struct {
	name   string
	params []string
	body   block
}

type call struct {
	name    string
	source  string
	args    []expr
	content block // of #@name(…) … #end
	block   bool
}

type stop struct{ err error }

// An expr is a part of a directive that has a value.
type expr interface{ eval(r *run) (any, error) }

type literal struct{ value any }

// interpolated is a string in double quotes: a template of its own.
type interpolated struct{ body block }

type listLiteral struct{ items []expr }

type rangeLiteral struct{ from, to expr }

type mapLiteral struct{ keys, values []expr }

type not struct{ of expr }

type binary struct {
	op          string
	left, right expr
}
