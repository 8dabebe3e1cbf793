package awsapi

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// manyNodes are parameters that each hang on their own branch, so that a body
// which is short for what it makes is a tree of n nodes.
func manyNodes(parameters, depth int) url.Values {
	form := url.Values{}
	for i := range parameters {
		form[fmt.Sprint("p", i, strings.Repeat(".x", depth-1))] = []string{""}
	}
	return form
}

// A form's tree is bounded by its nodes, not only by its parameters: a
// parameter costs as many nodes as its name has parts.
func TestFormNodes(t *testing.T) {
	for _, c := range []struct {
		name string
		form url.Values
		want error
	}{
		{"as many nodes as there may be", manyNodes(maxFormNodes/10, 10), nil},
		{"a parameter more", manyNodes(maxFormNodes/10+1, 10), errFormFields},
		{"as deep as may be", manyNodes(1, maxFormDepth), nil},
		{"deeper", manyNodes(1, maxFormDepth+1), errDepth},
		{"many, and all of them deep", manyNodes(10_000, 95), errDepth},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := formTree(c.form); !errors.Is(err, c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
