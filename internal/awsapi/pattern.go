package awsapi

import (
	"regexp"
	"strconv"
	"strings"
)

// pattern is a model's regular expression, compiled. The models write Java's
// dialect and mean the whole text.
type pattern struct {
	must    []*regexp.Regexp
	mustNot []*regexp.Regexp
}

// match says whether the whole text satisfies the pattern.
func (p *pattern) match(text string) bool {
	for _, re := range p.must {
		if !re.MatchString(text) {
			return false
		}
	}
	for _, re := range p.mustNot {
		if re.MatchString(text) {
			return false
		}
	}
	return true
}

// rewritten holds the patterns that Go's engine lacks the means for (looking
// ahead and behind, mostly), as what must and what must not match.
var rewritten = [...]struct {
	pattern       string
	must, mustNot string
}{
	{`^[0-9A-Za-z\.\-_]*(?<!\.)$`, `[0-9A-Za-z.\-_]*`, `.*\.`},                                 // an S3 bucket's name
	{`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`, `[a-zA-Z0-9-_]+`, `[0-9]+`},                               // a function alias
	{`(^\$LATEST$)|((?!^[0-9]+$)([a-zA-Z0-9-_]+))`, `\$LATEST|[a-zA-Z0-9-_]+`, `[0-9]+`},       // of a function's URL
	{`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, `[a-z0-9][a-z0-9-]{1,61}[a-z0-9]`, `.*--.*`}, // an account alias
}

// matches compiles the pattern at its first use. One that cannot be compiled
// refuses nothing; a test proves that no generated table holds one.
func (l *Limits) matches(text string) bool {
	p := l.compiled.Load()
	if p == nil {
		p, _ = compilePattern(l.Pattern)
		l.compiled.Store(p)
	}
	return p.match(text)
}

func compilePattern(text string) (*pattern, error) {
	for _, r := range rewritten {
		if r.pattern == text {
			return &pattern{
				must:    []*regexp.Regexp{regexp.MustCompile(whole(r.must))},
				mustNot: []*regexp.Regexp{regexp.MustCompile(whole(r.mustNot))},
			}, nil
		}
	}
	re, err := regexp.Compile(whole(fromJava(text)))
	if err != nil {
		return &pattern{}, err
	}
	return &pattern{must: []*regexp.Regexp{re}}, nil
}

func whole(re string) string { return `\A(?:` + re + `)\z` }

// unicodeEscape is Java's \u00FF.
var unicodeEscape = lazyRegexp(`\\u([0-9a-fA-F]{4})`)

// longRepeat is a counted repetition beyond what Go allows.
var longRepeat = lazyRegexp(`\{(\d+)(,?)(\d*)\}`)

// fromJava turns Java's syntax into Go's where they differ.
func fromJava(re string) string {
	re = unicodeEscape().ReplaceAllString(re, `\x{$1}`)
	return longRepeat().ReplaceAllStringFunc(re, openRepeat)
}

// openRepeat gives up the upper bound of a repetition beyond 1000, which is
// Go's limit; the length limits beside the pattern hold it.
func openRepeat(repeat string) string {
	parts := longRepeat().FindStringSubmatch(repeat)
	least, _ := strconv.Atoi(parts[1])
	most, _ := strconv.Atoi(parts[3])
	switch {
	case least <= 1000 && most <= 1000:
		return repeat
	case parts[2] == "" || least > 1000:
		return "+"
	}
	return "{" + strings.TrimSpace(parts[1]) + ",}"
}
