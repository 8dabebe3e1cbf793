package awsapi

import (
	"regexp"
	"sync"
)

// lazyRegexp compiles at first use: the binary is re-executed for every
// sandbox, so that package initialisation must cost nothing.
func lazyRegexp(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
