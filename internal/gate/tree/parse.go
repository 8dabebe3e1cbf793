package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxDepth is how deep documents may nest.
const maxDepth = 256

var errDeep = errors.New("the document nests too deep")

// Parse reads one JSON document. The last of several members of a name counts.
func Parse(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := parseValue(d, maxDepth)
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read JSON: something follows the document")
	}
	return v, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if depth == 0 {
			return nil, errDeep
		}
		if t == '{' {
			return parseMap(d, depth-1)
		}
		return parseList(d, depth-1)
	case json.Number:
		return number(string(t)), nil
	}
	return t, nil
}

func parseMap(d *json.Decoder, depth int) (any, error) {
	m := NewMap()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		m.Put(key.(string), v)
	}
	_, err := d.Token()
	return m, err
}

func parseList(d *json.Decoder, depth int) (any, error) {
	l := &List{}
	for d.More() {
		v, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		l.Items = append(l.Items, v)
	}
	_, err := d.Token()
	return l, err
}

// number reads a JSON number, which is kept as written where reading would change it.
func number(s string) any {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i
	}
	if !strings.ContainsAny(s, ".eE") {
		return BigNumber(s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return BigNumber(s)
	}
	return f
}

// Of makes a tree of what encoding/json reads into an any.
func Of(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	t, err := Parse(data)
	if err != nil {
		return nil
	}
	return t
}
