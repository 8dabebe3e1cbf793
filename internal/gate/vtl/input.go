package vtl

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"

	"cloister/internal/gate/tree"
)

// Input is what $input tells of. The maps are the client's parameters by name.
type Input struct {
	Body                 string
	Path, Query, Headers map[string]string
}

// Variables makes the variables of a rendering: $input and $util. The caller adds
// $context and $stageVariables.
func Variables(in Input) map[string]any {
	return map[string]any{"input": &input{Input: in}, "util": util{}}
}

// input is $input. The body is read once, when a template first asks.
type input struct {
	Input
	document any
	read     bool
}

// Property implements Object.
func (in *input) Property(name string) any {
	if name == "body" {
		return in.Body
	}
	return nil
}

// Call implements Object.
func (in *input) Call(b *Budget, name string, args []any) (any, bool, error) {
	switch {
	case name == "params" && len(args) == 0:
		return in.all(), true, nil
	case name == "params" && len(args) == 1:
		return in.param(args[0]), true, nil
	case name == "path" && len(args) == 1:
		v, _, err := in.find(b, args[0])
		return v, true, err
	case name == "json" && len(args) == 1:
		v, err := in.json(b, args[0])
		return v, true, err
	}
	return nil, false, nil
}

// json is what a path finds, as JSON; an empty string where it leads nowhere.
func (in *input) json(b *Budget, path any) (any, error) {
	v, found, err := in.find(b, path)
	if err != nil {
		return nil, err
	}
	if !found {
		return `""`, nil
	}
	s, ok := tree.JSON(v, maxOutput)
	if !ok {
		return nil, ErrTooMuch
	}
	return s, b.Make(len(s))
}

func (in *input) find(b *Budget, path any) (any, bool, error) {
	text, ok := path.(string)
	if !ok {
		return nil, false, fmt.Errorf("a path is a string, not %v", path)
	}
	if !in.read {
		if err := in.parse(b); err != nil {
			return nil, false, err
		}
	}
	p, err := tree.ParsePath(text)
	if err != nil {
		return nil, false, err
	}
	if err := b.Make(100 + len(text)); err != nil {
		return nil, false, err
	}
	return p.Find(in.document)
}

// parse reads the body; one that is empty is an empty object.
func (in *input) parse(b *Budget) error {
	in.read = true
	if strings.TrimSpace(in.Body) == "" {
		in.document = tree.NewMap()
		return nil
	}
	v, err := tree.Parse([]byte(in.Body))
	if err != nil {
		return err
	}
	in.document = v
	return b.Make(len(in.Body))
}

// param looks for a name in the path, the query and the headers, in this order.
func (in *input) param(name any) any {
	key, ok := name.(string)
	if !ok {
		return ""
	}
	for _, of := range []map[string]string{in.Path, in.Query} {
		if v, ok := of[key]; ok {
			return v
		}
	}
	if v, ok := in.Headers[key]; ok {
		return v
	}
	for k, v := range in.Headers {
		if strings.EqualFold(k, key) {
			return v
		}
	}
	return ""
}

func (in *input) all() *tree.Map {
	m := tree.NewMap()
	m.Put("path", FromMap(in.Path))
	m.Put("querystring", FromMap(in.Query))
	m.Put("header", FromMap(in.Headers))
	return m
}

// FromMap makes a map for templates, its members by name.
func FromMap(of map[string]string) *tree.Map {
	v, ok := tree.Of(of).(*tree.Map)
	if !ok {
		return tree.NewMap()
	}
	return v
}

// util is $util.
type util struct{}

// Property implements Object.
func (util) Property(string) any { return nil }

// Call implements Object.
func (util) Call(b *Budget, name string, args []any) (any, bool, error) {
	if len(args) != 1 {
		return nil, false, nil
	}
	s, err := b.text(args[0])
	if err != nil {
		return nil, true, err
	}
	if err := b.Make(3 * len(s)); err != nil {
		return nil, true, err
	}
	switch name {
	case "escapeJavaScript":
		return EscapeJavaScript(s), true, nil
	case "parseJson":
		v, err := tree.Parse([]byte(s))
		return v, true, err
	case "urlEncode":
		return url.QueryEscape(s), true, nil
	case "urlDecode":
		v, err := url.QueryUnescape(s)
		return v, true, err
	case "base64Encode":
		return base64.StdEncoding.EncodeToString([]byte(s)), true, nil
	case "base64Decode":
		v, err := base64.StdEncoding.DecodeString(s)
		return strings.ToValidUTF8(string(v), "\ufffd"), true, err
	}
	return nil, false, nil
}

var escapes = map[rune]string{
	'\'': `\'`, '"': `\"`, '\\': `\\`, '/': `\/`,
	'\b': `\b`, '\n': `\n`, '\t': `\t`, '\f': `\f`, '\r': `\r`,
}

// EscapeJavaScript escapes a string for a string of JavaScript, as Apache Commons
// Lang does: quotes, backslashes and slashes, control characters, and what is not ASCII.
func EscapeJavaScript(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch e, ok := escapes[r]; {
		case ok:
			b.WriteString(e)
		case r < ' ' || r > '~':
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04X`, u)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
