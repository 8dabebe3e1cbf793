package accesslog

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLine(t *testing.T) {
	values := map[string]string{"requestId": "id-1", "httpMethod": "GET", "authorizer.claims.sub": "me", "path": "/a\"\r\nb"}
	for format, want := range map[string]string{
		`$context.requestId`: `id-1`,
		`{"id":"$context.requestId","m":"$context.httpMethod","s":"$context.status"}`:                         `{"id":"id-1","m":"GET","s":"-"}`,
		"$context.requestId $context.authorizer.claims.sub $context.path.\n":                                  `id-1 me /a\"\r\nb.`,
		`$context.requestId $contextual $context. $stageVariables.x $context.requestIdx $context.requestId$2`: `id-1 $contextual $context. $stageVariables.x - id-1$2`,
	} {
		f, err := Parse(format)
		if err != nil {
			t.Errorf("%q: %v", format, err)
			continue
		}
		if got := f.Line(func(name string) string { return values[name] }); got != want {
			t.Errorf("%q gives\n%s\nwant\n%s", format, got, want)
		}
	}
	for format, want := range map[string]error{"": ErrNoRequest, "x": ErrNoRequest, "$context.requestIdx": ErrNoRequest, "$context.requestId\nx": ErrLines} {
		if _, err := Parse(format); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", format, err, want)
		}
	}
	if _, err := Parse("$context.requestId" + strings.Repeat("x", mostFormat)); err == nil {
		t.Error("a long format is taken")
	}
}

// Whatever a value is, a line stays one line, and JSON stays JSON.
func TestNoInjection(t *testing.T) {
	f, err := Parse(`{"id":"$context.requestId"}`)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		value := string(rapid.SliceOf(rapid.Byte()).Draw(t, "value"))
		line := f.Line(func(string) string { return value })
		var read map[string]string
		if strings.ContainsAny(line, "\r\n") || json.Unmarshal([]byte(line), &read) != nil || len(read) != 1 {
			t.Fatalf("%q", line)
		}
	})
}
