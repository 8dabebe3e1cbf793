package logs

import (
	"encoding/json"
	"fmt"
	"os"
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
	for _, name := range []string{"groups", "streams", "events", "filter", "tags"} {
		t.Run(name, func(t *testing.T) {
			path := "testdata/" + name + ".txt"
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p := &player{harness: newHarness(t), tokens: map[string]string{}}
			p.key = p.Key(p.root, &api.Service)
			p.key.Time = start
			played := p.play(string(text))
			if os.Getenv("REWRITE") != "" {
				if err := os.WriteFile(path, []byte(played), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if played != string(text) {
				t.Error(firstDifference(string(text), played))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range w {
		if i >= len(g) || w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], strings.Join(g[min(i, len(g)):min(i+1, len(g))], ""))
		}
	}
	return "there are more answers"
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
