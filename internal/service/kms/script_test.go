package kms

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door/doortest"
)

// TestScripts plays testdata/*.txt. A line "> Operation {input}" is sent, signed,
// as root; "> @NAME Operation {input}" as somebody else, whom a line
// "! user NAME {policy}" or "! role NAME {policy}" has made. "! wait 24h" moves
// the clock and "! sweep" has the sweeper come by. What is written below a call
// is the answer. What is random is written as a name, $KEY1 or $CiphertextBlob1,
// by which later inputs have it. REWRITE=1 writes the answers anew.
func TestScripts(t *testing.T) {
	doortest.PlayFiles(t, 10, func(t *testing.T, script string) string {
		h := newHarness(t)
		p := &player{harness: h, keys: map[string]doortest.Key{"": h.Key(h.root, &api.Service)}, names: map[string]string{}}
		return p.play(script)
	})
}

type player struct {
	*harness
	keys   map[string]doortest.Key
	names  map[string]string // what is random, by the name that stands for it
	order  []string          // names, oldest first
	counts map[string]int
}

// play gives the script back with the answers of this service.
func (p *player) play(script string) string {
	var b strings.Builder
	for _, block := range strings.SplitAfter(script, "\n\n") {
		for _, line := range strings.SplitAfter(block, "\n") {
			call, isCall := strings.CutPrefix(line, "> ")
			order, isOrder := strings.CutPrefix(line, "! ")
			switch {
			case isCall:
				b.WriteString(line)
				b.WriteString(p.call(strings.TrimSpace(call)) + "\n")
			case isOrder:
				b.WriteString(line)
				p.obey(strings.TrimSpace(order))
			case strings.HasPrefix(line, "#"):
				b.WriteString(line)
			}
		}
		if strings.HasSuffix(block, "\n\n") {
			b.WriteString("\n")
		}
	}
	return b.String()
}

func (p *player) obey(text string) {
	p.t.Helper()
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "user", "role":
		name, document, _ := strings.Cut(rest, " ")
		var documents []string
		if document != "" {
			documents = []string{`{"Version":"2012-10-17","Statement":[` + p.expand(document) + `]}`}
		}
		made := p.User(name, documents...)
		if word == "role" {
			made = p.Role(name, "s", documents...)
		}
		p.keys[name] = p.Key(made, &api.Service)
	case "wait":
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.t.Fatal(err)
		}
		p.now = p.now.Add(d)
	case "sweep":
		if err := p.service.sweep(context.Background(), p.now); err != nil {
			p.t.Fatal(err)
		}
		p.check(p.t)
	default:
		p.t.Fatalf("no order %q", word)
	}
}

// expand puts values in place of names, the longer names first.
func (p *player) expand(text string) string {
	for i := len(p.order) - 1; i >= 0; i-- {
		text = strings.ReplaceAll(text, "$"+p.order[i], p.names[p.order[i]])
	}
	return text
}

func (p *player) call(text string) string {
	p.t.Helper()
	who := ""
	if after, ok := strings.CutPrefix(text, "@"); ok {
		who, text, _ = strings.Cut(after, " ")
	}
	name, input, _ := strings.Cut(text, " ")
	op := api.Service.Operation(name)
	if op == nil {
		op = &awsapi.Operation{Name: name, Service: &api.Service}
	}
	key, ok := p.keys[who]
	if !ok {
		p.t.Fatalf("nobody is called %q", who)
	}
	key.Time = p.now
	if region := regexp.MustCompile(`^\[([a-z0-9-]+)\] `).FindStringSubmatch(input); region != nil {
		key.Region, input = region[1], input[len(region[0]):]
	}
	w := p.Serve(p.Sign(doortest.JSON(op, p.expand(input)), key))
	return fmt.Sprintf("%d %s", w.Code, p.hide(name, w.Body.String()))
}

var (
	randomFields = regexp.MustCompile(`"(CiphertextBlob|Plaintext|PrivateKeyCiphertextBlob|PrivateKeyPlaintext|PublicKey|Mac|Signature|SharedSecret|GrantToken|ImportToken|NextMarker)":"([^"]+)"`)
	randomIDs    = regexp.MustCompile(`mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{64}`)
)

// hide puts names in place of what is random.
func (p *player) hide(operation, answer string) string {
	answer = randomFields.ReplaceAllStringFunc(answer, func(field string) string {
		m := randomFields.FindStringSubmatch(field)
		if m[1] == "Plaintext" && !strings.HasPrefix(operation, "Generate") && p.known(m[2]) == "" {
			return field
		}
		return `"` + m[1] + `":"$` + p.name(m[1], m[2]) + `"`
	})
	return randomIDs.ReplaceAllStringFunc(answer, func(id string) string {
		if len(id) == 64 {
			return "$" + p.name("ID", id)
		}
		return "$" + p.name("KEY", id)
	})
}

func (p *player) known(value string) string {
	for name, v := range p.names {
		if v == value {
			return name
		}
	}
	return ""
}

func (p *player) name(kind, value string) string {
	if name := p.known(value); name != "" {
		return name
	}
	if p.counts == nil {
		p.counts = map[string]int{}
	}
	p.counts[kind]++
	name := fmt.Sprint(kind, p.counts[kind])
	p.names[name] = value
	p.order = append(p.order, name)
	return name
}
