package secretsmanager

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door/doortest"
)

// TestScripts plays testdata/*.txt: each "> Operation {input}" is sent as signed
// awsJson1.1, and what is written below it is the answer. "> wait DURATION"
// moves the clock and does what is due. $next, $arn and $suffix stand for the
// token and the ARN of answers before; in answers, suffixes of ARNs are written
// as ######, tokens NEXT and random passwords PASSWORD. REWRITE=1 writes the
// answers anew.
func TestScripts(t *testing.T) {
	doortest.PlayFiles(t, 5, func(t *testing.T, script string) string {
		p := &player{harness: newHarness(t), tokens: map[string]string{}}
		p.invoke = p.rotationFunction
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
	arnSuffix    = regexp.MustCompile(`(:secret:[\w/+=.@!-]*?)-[A-Za-z0-9]{6}("| |\.|$)`)
	randomID     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	nextToken    = regexp.MustCompile(`"NextToken":"[^"]+"`)
	passwordText = regexp.MustCompile(`"RandomPassword":"([^"\\]|\\.)+"`)
)

func (p *player) call(text string) string {
	name, input, _ := strings.Cut(text, " ")
	if name == "wait" {
		d, err := time.ParseDuration(input)
		if err != nil {
			p.t.Fatal(err)
		}
		p.pass(d)
		p.service.sweep(p.t.Context())
		p.service.noteReads(p.t.Context())
		p.rotateDue(p.t.Context())
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
	var tokens struct{ NextToken, ARN, VersionId string }
	_ = json.Unmarshal(w.Body.Bytes(), &tokens)
	p.tokens["next"] = tokens.NextToken
	if tokens.ARN != "" {
		p.tokens["arn"] = tokens.ARN
	}
	answer := fmt.Sprintf("%d %s", w.Code, w.Body)
	answer = arnSuffix.ReplaceAllString(answer, "$1-######$2")
	answer = randomID.ReplaceAllString(answer, "RANDOM")
	answer = passwordText.ReplaceAllString(answer, `"RandomPassword":"PASSWORD"`)
	return nextToken.ReplaceAllString(answer, `"NextToken":"NEXT"`) + "\n"
}
