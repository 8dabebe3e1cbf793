package logs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/logs"
	"cloister/internal/door/doortest"
)

// TestScripts plays testdata/*.txt: each "> Operation {input}" is sent as signed
// awsJson1.1, and what is written below it is the answer. $next, $forward and
// $backward stand for the tokens of the answer before; in answers, what is
// random is written NEXT or as #. REWRITE=1 writes the answers anew.
func TestScripts(t *testing.T) {
	doortest.PlayFiles(t, 5, func(t *testing.T, script string) string {
		p := &player{harness: newHarness(t), tokens: map[string]string{}}
		p.key = p.Key(p.root, &api.Service)
		p.key.Time = start
		return p.play(script)
	})
}

type player struct {
	*harness
	key    doortest.Key
	tokens map[string]string
}

// play gives the script back with the answers of this service.
func (p *player) play(script string) string {
	var b strings.Builder
	for _, block := range strings.SplitAfter(script, "\n\n") {
		for _, line := range strings.SplitAfter(block, "\n") {
			call, ok := strings.CutPrefix(line, "> ")
			if !ok {
				if strings.HasPrefix(line, "#") {
					b.WriteString(line)
				}
				continue
			}
			b.WriteString(line)
			b.WriteString(p.call(strings.TrimSpace(call)) + "\n")
		}
		if strings.HasSuffix(block, "\n\n") {
			b.WriteString("\n")
		}
	}
	return b.String()
}

func (p *player) call(text string) string {
	name, input, _ := strings.Cut(text, " ")
	for token, value := range p.tokens {
		input = strings.ReplaceAll(input, "$"+token, value)
	}
	op := api.Service.Operation(name)
	if op == nil {
		op = &awsapi.Operation{Name: name, Service: &api.Service}
	}
	w := p.Serve(p.Sign(doortest.JSON(op, input), p.key))
	var tokens struct{ NextToken, NextForwardToken, NextBackwardToken string }
	_ = json.Unmarshal(w.Body.Bytes(), &tokens)
	p.tokens = map[string]string{"next": tokens.NextToken, "forward": tokens.NextForwardToken, "backward": tokens.NextBackwardToken}
	answer := fmt.Sprintf("%d %s", w.Code, w.Body)
	answer = regexp.MustCompile(`"nextToken":"[^"]+"`).ReplaceAllString(answer, `"nextToken":"NEXT"`)
	return regexp.MustCompile(`("eventId":"\d{36})\d{20}"`).ReplaceAllString(answer, `$1####################"`)
}
