package vtl

import (
	"errors"
	"fmt"
	"strings"
)

// hash reads what begins with #: a comment, a directive, or text.
func (p *parser) hash() (node, string, error) {
	switch {
	case p.take("##"):
		return nil, "", p.lineComment()
	case p.take("#*"):
		return nil, "", p.pass("*#")
	case p.take("#[["):
		at := p.i
		if err := p.pass("]]#"); err != nil {
			return nil, "", err
		}
		return text(p.s[at : p.i-len("]]#")]), "", nil
	}
	at := p.i
	name, block := p.directiveName()
	if !p.known(name, block) {
		p.i = at + 1
		return text("#"), "", nil
	}
	switch name {
	case "end", "else":
		p.line()
		return nil, name, nil
	case "elseif":
		return nil, name, nil
	}
	n, err := p.directive(name, block, at)
	return n, "", err
}

// lineComment ends with its line, which it takes along.
func (p *parser) lineComment() error {
	end := strings.IndexAny(p.rest(), "\r\n")
	if end < 0 {
		p.i = len(p.s)
		return nil
	}
	p.i += end
	p.line()
	return nil
}

func (p *parser) pass(end string) error {
	i := strings.Index(p.rest(), end)
	if i < 0 {
		return fmt.Errorf("%s is missing", end)
	}
	p.i += i + len(end)
	return nil
}

// directiveName reads #name, #{name} or #@name.
func (p *parser) directiveName() (name string, block bool) {
	p.i++
	block = p.take("@")
	braces := p.take("{")
	name = p.word()
	if braces && !p.take("}") {
		return "", false
	}
	return name, block
}

var directives = map[string]bool{
	"set": true, "if": true, "elseif": true, "else": true, "end": true, "foreach": true,
	"break": true, "stop": true, "define": true, "macro": true,
	// Known so as to be refused.
	"include": true, "parse": true, "evaluate": true,
}

// known says whether a word after # is a directive. #elsewhere is none, but #end is
// one whatever letters follow: the longest known beginning counts.
func (p *parser) known(name string, block bool) bool {
	if block {
		return p.names[name]
	}
	return directives[name] || p.names[name]
}

// directiveAhead says whether a directive begins here.
func (p *parser) directiveAhead() bool {
	at := p.i
	defer func() { p.i = at }()
	name, block := p.directiveName()
	return p.known(name, block)
}

func (p *parser) directive(name string, block bool, at int) (node, error) {
	if block || p.names[name] && !directives[name] {
		return p.call(name, block, at)
	}
	switch name {
	case "set":
		return p.set()
	case "if":
		return p.choice()
	case "foreach":
		return p.foreach()
	case "define":
		return p.define()
	case "macro":
		return nil, p.macro()
	case "break":
		return stop{errBreak}, nil
	case "stop":
		return stop{errStop}, nil
	}
	return nil, fmt.Errorf("#%s is not supported", name)
}

// open reads the parenthesis of a directive.
func (p *parser) open(name string) error {
	p.space()
	if !p.take("(") {
		return fmt.Errorf("#%s without its (", name)
	}
	p.space()
	return nil
}

// close reads the end of a directive's parenthesis and of its line.
func (p *parser) close(name string) error {
	p.space()
	if !p.take(")") {
		return fmt.Errorf("#%s without its )", name)
	}
	p.line()
	return nil
}

func (p *parser) variable() (*reference, error) {
	if p.peek() == '$' {
		ref, err := p.reference()
		if ref != nil || err != nil {
			return ref, err
		}
	}
	return nil, errors.New("a reference is expected")
}

func (p *parser) plain() (string, error) {
	ref, err := p.variable()
	if err != nil {
		return "", err
	}
	if len(ref.parts) > 0 {
		return "", errors.New("a plain reference is expected")
	}
	return ref.name, nil
}

func (p *parser) set() (node, error) {
	if err := p.open("set"); err != nil {
		return nil, err
	}
	to, err := p.variable()
	if err != nil {
		return nil, err
	}
	p.space()
	if !p.take("=") {
		return nil, errors.New("#set without its =")
	}
	value, err := p.expression()
	if err != nil {
		return nil, err
	}
	return &set{to, value}, p.close("set")
}

func (p *parser) choice() (node, error) {
	c := &choice{}
	for name := "if"; name != "end"; {
		b := branch{}
		if name != "else" {
			var err error
			if b.condition, err = p.condition(name); err != nil {
				return nil, err
			}
		}
		body, next, err := p.block()
		if err != nil {
			return nil, err
		}
		if next == "" || name == "else" && next != "end" {
			return nil, errors.New("#if without its #end")
		}
		b.body = body
		c.branches = append(c.branches, b)
		name = next
	}
	return c, nil
}

func (p *parser) condition(name string) (expr, error) {
	if err := p.open(name); err != nil {
		return nil, err
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	return e, p.close(name)
}

// body reads up to the #end of a directive.
func (p *parser) body(name string) (block, error) {
	body, end, err := p.block()
	if err != nil {
		return nil, err
	}
	if end != "end" {
		return nil, fmt.Errorf("#%s without its #end", name)
	}
	return body, nil
}

func (p *parser) foreach() (node, error) {
	if err := p.open("foreach"); err != nil {
		return nil, err
	}
	name, err := p.plain()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.word() != "in" {
		return nil, errors.New("#foreach without its in")
	}
	in, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.close("foreach"); err != nil {
		return nil, err
	}
	body, err := p.body("foreach")
	return &foreach{name, in, body}, err
}

func (p *parser) define() (node, error) {
	if err := p.open("define"); err != nil {
		return nil, err
	}
	name, err := p.plain()
	if err != nil {
		return nil, err
	}
	if err := p.close("define"); err != nil {
		return nil, err
	}
	body, err := p.body("define")
	return &define{name, body}, err
}

// macro reads a macro's definition. The first of a name counts.
func (p *parser) macro() error {
	if err := p.open("macro"); err != nil {
		return err
	}
	m := &macro{name: p.word()}
	for p.space(); p.peek() != ')'; p.space() {
		p.take(",")
		p.space()
		name, err := p.plain()
		if err != nil {
			return err
		}
		m.params = append(m.params, name)
	}
	if err := p.close("macro"); err != nil {
		return err
	}
	body, err := p.body("macro")
	if err != nil {
		return err
	}
	m.body = body
	if _, twice := p.macros[m.name]; !twice {
		p.macros[m.name] = m
	}
	return nil
}

func (p *parser) call(name string, block bool, at int) (node, error) {
	p.spaceInLine()
	c := &call{name: name, block: block}
	if p.take("(") {
		args, err := p.args()
		if err != nil {
			return nil, err
		}
		c.args = args
	}
	c.source = p.s[at:p.i]
	p.line()
	if !block {
		return c, nil
	}
	var err error
	c.content, err = p.body(name)
	return c, err
}

func (p *parser) spaceInLine() {
	at := p.i
	for p.peek() == ' ' || p.peek() == '\t' {
		p.i++
	}
	if p.peek() != '(' {
		p.i = at
	}
}

// args reads a macro's arguments, with blanks or commas between them.
func (p *parser) args() ([]expr, error) {
	var args []expr
	for {
		p.space()
		p.take(",")
		p.space()
		if p.take(")") {
			return args, nil
		}
		arg, err := p.primary()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
}
