package ssm

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door/doortest"
)

// TestScripts plays testdata/*.txt: each "> Operation {input}" is sent as signed
// awsJson1.1, and what is written below it is the answer. "> wait DURATION"
// moves the clock and removes what has expired. $next stands for the token of
// the answer before; in answers, tokens are written as NEXT, ciphertexts as SEALED.
// REWRITE=1 writes the answers anew.
func TestScripts(t *testing.T) {
	doortest.PlayFiles(t, 5, func(t *testing.T, script string) string {
		p := &player{harness: newHarness(t), tokens: map[string]string{}}
		return p.play(script)
	})
}

type player struct {
	*harness
	tokens map[string]string
}

// play gives the script back with the answers of this service.
func (p *player) play(script string) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(script, "\n") {
		call, ok := strings.CutPrefix(line, "> ")
		switch {
		case ok:
			b.WriteString(line)
			b.WriteString(p.call(strings.TrimSpace(call)))
		case strings.HasPrefix(line, "#"), line == "\n":
			b.WriteString(line)
		}
	}
	return b.String()
}

var (
	nextToken  = regexp.MustCompile(`"NextToken":"[^"]+"`)
	ciphertext = regexp.MustCompile(`"Value":"[A-Za-z0-9+/=]{60,}"`)
)

func (p *player) call(text string) string {
	name, input, _ := strings.Cut(text, " ")
	if name == "wait" {
		d, err := time.ParseDuration(input)
		if err != nil {
			p.t.Fatal(err)
		}
		p.pass(d)
		if err := p.service.sweep(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
		return ""
	}
	for token, value := range p.tokens {
		input = strings.ReplaceAll(input, "$"+token, value)
	}
	op := api.Service.Operation(name)
	if op == nil {
		op = &awsapi.Operation{Name: name, Service: &api.Service}
	}
	key := p.Key(p.root, &api.Service)
	key.Time = p.now()
	w := p.Serve(p.Sign(doortest.JSON(op, input), key))
	var tokens struct{ NextToken string }
	_ = json.Unmarshal(w.Body.Bytes(), &tokens)
	p.tokens["next"] = tokens.NextToken
	answer := fmt.Sprintf("%d %s", w.Code, w.Body)
	answer = ciphertext.ReplaceAllString(answer, `"Value":"SEALED"`)
	return nextToken.ReplaceAllString(answer, `"NextToken":"NEXT"`) + "\n"
}
