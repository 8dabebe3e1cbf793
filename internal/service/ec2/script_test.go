package ec2

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

// TestScripts plays testdata/*.txt: each "> Operation parameter=value …" is sent
// as a signed ec2Query form, and what is written below it is the answer. Values
// have + for spaces. "> as NAME ACTION[,ACTION…]" has a user make the calls that
// follow, who may do these on everything; "> as root" ends that. $NAME$ stands for
// a part of the default network, $next$ for the token of the answer before, and
// "> sg1 = …" has $sg1$ stand for the first id in the answer that begins with sg. REWRITE=1 writes the answers anew.
func TestScripts(t *testing.T) {
	doortest.PlayFiles(t, 6, func(t *testing.T, script string) string {
		h := newHarness(t)
		p := &player{harness: h, who: h.root, words: map[string]string{}}
		for _, prefix := range []string{"vpc", "sg", "acl", "rtb", "igw", "subnet", "rtbassoc", "vpc-cidr-assoc"} {
			p.words[prefix] = fixedID(prefix, doortest.Account, doortest.Region)
		}
		for i, zone := range []string{"A", "B", "C"} {
			id := p.words["subnet"]
			p.words["subnet"+zone] = id[:len(id)-1] + fmt.Sprintf("%x", (hexDigit(id)+i)%16)
		}
		delete(p.words, "subnet")
		return p.play(script)
	})
}

type player struct {
	*harness
	who   *door.Principal
	words map[string]string
}

func (p *player) play(script string) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(script, "\n") {
		call, ok := strings.CutPrefix(line, "> ")
		switch {
		case ok:
			b.WriteString(line)
			b.WriteString(p.call(strings.Fields(call)))
		case strings.HasPrefix(line, "#"), line == "\n":
			b.WriteString(line)
		}
	}
	return b.String()
}

var (
	envelope  = regexp.MustCompile(`^<\?xml[^>]*>\s*|^<\w+ xmlns="[^"]*"><requestId>[^<]*</requestId>|</\w+Response>$|<RequestID>[^<]*</RequestID>`)
	nextToken = regexp.MustCompile(`<nextToken>([^<]+)</nextToken>`)
	encoded   = regexp.MustCompile(`(failure message: )[^<]+`)
)

func (p *player) call(words []string) string {
	if words[0] == "as" {
		p.who = p.root
		if len(words) > 2 {
			actions := strings.ReplaceAll(words[2], ",", `","`)
			p.who = p.User(words[1], `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["`+actions+`"],"Resource":"*"}}`)
		}
		return ""
	}
	capture := ""
	if len(words) > 2 && words[1] == "=" {
		capture, words = words[0], words[2:]
	}
	form := ""
	for _, w := range words[1:] {
		for name, value := range p.words {
			w = strings.ReplaceAll(w, "="+"$"+name+"$", "="+value)
		}
		form += "&" + strings.ReplaceAll(doortest.Expand(w), "/", "%2F")
	}
	op := api.Service.Operation(words[0])
	if op == nil {
		op = &awsapi.Operation{Name: words[0], Service: &api.Service}
	}
	key := p.Key(p.who, &api.Service)
	key.Time = start
	w := p.Serve(p.Sign(doortest.Query(op, form), key))
	body := envelope.ReplaceAllString(w.Body.String(), "")
	body = envelope.ReplaceAllString(body, "")
	if m := nextToken.FindStringSubmatch(body); m != nil {
		p.words["next"] = m[1]
		body = strings.Replace(body, m[1], "NEXT", 1)
	}
	if capture != "" {
		id := regexp.MustCompile(`>(` + strings.TrimRight(capture, "0123456789") + `-[0-9a-f]+)<`).FindStringSubmatch(body)
		if id == nil {
			p.t.Fatalf("no id for %s in %s", capture, body)
		}
		p.words[capture] = id[1]
	}
	for name, value := range p.words {
		body = strings.ReplaceAll(body, ">"+value+"<", ">$"+name+"$<")
	}
	return fmt.Sprintf("%d %s\n", w.Code, encoded.ReplaceAllString(body, "${1}ENCODED"))
}
