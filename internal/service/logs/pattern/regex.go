package pattern

import (
	"regexp"
	"strings"
)

// maxRegexes is how many a JSON or space-delimited pattern may have, by AWS's
// quota.
const maxRegexes = 2

// regexCharacters are what may stand in an expression, with letters and digits,
// unless a backslash comes before: no parentheses, which AWS has not, and none
// of Go's own extensions, which begin with one.
const regexCharacters = `:_#=@/;,-^$?[]{}|\*+. ` + "&<>\"'~`"

// regex takes an expression between per cent signs. Go's engine takes linear
// time on any.
func (s *scanner) regex() (*regexp.Regexp, error) {
	from := s.at
	text, err := s.delimited('%', true)
	if err != nil {
		return nil, err
	}
	s.regexes++
	compiled, err := compile(text)
	if err != nil {
		s.at = from
		return nil, s.wrong("Invalid regular expression: " + err.Error())
	}
	return compiled, nil
}

type regexError string

func (e regexError) Error() string { return string(e) }

func compile(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, regexError("it is empty")
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' && i+1 < len(text) {
			i++
			if isAlphanumeric(text[i]) && strings.IndexByte("dDsSwWxtnr", text[i]) < 0 {
				return nil, regexError(`\` + text[i:i+1] + " is not supported")
			}
			continue
		}
		if !isAlphanumeric(c) && strings.IndexByte(regexCharacters, c) < 0 {
			return nil, regexError("a character is not supported")
		}
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, regexError(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return compiled, nil
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
