package cognitoidp

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door/doortest"
)

// TestScripts plays testdata/*.txt: each "> Operation {input}" is sent as signed
// awsJson1.1 by root, "? Operation {input}" unsigned, and what is written below
// it is the answer. "> wait DURATION" moves the clock. $pool, $client, $secret,
// $session, $access, $refresh, $sub and $next stand for what the latest answer
// had that had one; $code for the code that was sent last, $totp for the code of
// the latest authenticator now. In answers they are written as POOL and so on.
// REWRITE=1 writes the answers anew.
func TestScripts(t *testing.T) {
	doortest.PlayFiles(t, 4, func(t *testing.T, script string) string {
		p := &player{harness: newHarness(t), known: map[string]string{}, seen: map[string]string{}}
		return p.play(script)
	})
}

type player struct {
	*harness
	known map[string]string // by placeholder
	seen  map[string]string // what is written for a value
}

func (p *player) play(script string) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(script, "\n") {
		call, signed := strings.CutPrefix(line, "> ")
		open, unsigned := strings.CutPrefix(line, "? ")
		switch {
		case signed:
			b.WriteString(line + p.call(strings.TrimSpace(call), true))
		case unsigned:
			b.WriteString(line + p.call(strings.TrimSpace(open), false))
		case strings.HasPrefix(line, "#"), line == "\n":
			b.WriteString(line)
		}
	}
	return b.String()
}

// members are those of answers that change from run to run.
var members = map[string]string{
	"Id": "pool", "ClientId": "client", "ClientSecret": "secret", "Session": "session", "AccessToken": "access", "RefreshToken": "refresh",
	"IdToken": "id", "UserSub": "sub", "SecretCode": "seed", "NextToken": "next", "PaginationToken": "next",
}

func (p *player) call(text string, signed bool) string {
	name, input, _ := strings.Cut(text, " ")
	if name == "wait" {
		d, err := time.ParseDuration(input)
		if err != nil {
			p.t.Fatal(err)
		}
		p.pass(d)
		return ""
	}
	op := api.Service.Operation(name)
	if op == nil {
		op = &awsapi.Operation{Name: name, Service: &api.Service}
	}
	r := doortest.JSON(op, p.filled(doortest.Expand(input)))
	if signed {
		key := p.Key(p.root, &api.Service)
		key.Time = p.now()
		r = p.Sign(r, key)
	}
	w := p.Serve(r)
	p.learn(w.Body.Bytes())
	if w.Body.Len() == 0 {
		return fmt.Sprintf("%d\n", w.Code)
	}
	return fmt.Sprintf("%d %s\n", w.Code, p.hidden(doortest.Compact(p.t.(*testing.T), w.Body.String())))
}

func (p *player) filled(input string) string {
	if strings.Contains(input, "$code") {
		input = strings.ReplaceAll(input, "$code", p.code())
	}
	if strings.Contains(input, "$totp") {
		input = strings.ReplaceAll(input, "$totp", p.totp(p.known["seed"]))
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(p.known))) {
		input = strings.ReplaceAll(input, "$"+name, p.known[name])
	}
	return input
}

func (p *player) learn(body []byte) {
	var v any
	if json.Unmarshal(body, &v) == nil {
		p.learnFrom(v)
	}
}

func (p *player) learnFrom(v any) {
	switch v := v.(type) {
	case map[string]any:
		if v["Name"] == "sub" {
			p.learnOne("sub", v["Value"])
		}
		for key, value := range v {
			if name, ok := members[key]; ok {
				p.learnOne(name, value)
			}
			p.learnFrom(value)
		}
	case []any:
		for _, one := range v {
			p.learnFrom(one)
		}
	}
}

func (p *player) learnOne(name string, value any) {
	text, ok := value.(string)
	if !ok || len(text) < 9 {
		return
	}
	p.known[name] = text
	p.seen[text] = strings.ToUpper(name)
}

var (
	toInText   = regexp.MustCompile(`\w\*\*\*@\w\*\*\*`)
	codeInText = regexp.MustCompile(`\b\d{6}\b`)
	timeInText = regexp.MustCompile(`\b1[.\d]+e\+09|\b1\d{9}(\.\d+)?\b`)
)

func (p *player) hidden(answer string) string {
	for _, value := range slices.SortedFunc(maps.Keys(p.seen), func(a, b string) int { return len(b) - len(a) }) {
		answer = strings.ReplaceAll(answer, value, p.seen[value])
	}
	answer = toInText.ReplaceAllString(answer, "TO")
	return codeInText.ReplaceAllString(timeInText.ReplaceAllString(answer, "TIME"), "CODE")
}
