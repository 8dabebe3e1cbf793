// Package pattern matches log messages against CloudWatch Logs filter patterns
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
package pattern

import "strings"

// Pattern is a parsed filter pattern, immutable and safe for concurrent use.
type Pattern struct{ terms []string }

// Parse reads a pattern; the empty one matches everything.
func Parse(text string) (*Pattern, error) { return &Pattern{strings.Fields(text)}, nil }

// Match reports whether a message matches.
func (p *Pattern) Match(message string) bool {
	for _, term := range p.terms {
		if !strings.Contains(message, strings.Trim(term, `"`)) {
			return false
		}
	}
	return true
}
