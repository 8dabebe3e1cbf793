package guardrail

import (
	"fmt"
	"strings"
	"time"

	"cloister/internal/store"
)

// support is until when a runtime's makers support it.
type support struct{ runtime, ends string }

// makers are who says so, and where, by the beginning of a runtime's name.
var makers = []struct{ prefix, name, source, newest string }{
	{"nodejs", "the Node.js project", "https://github.com/nodejs/Release", "nodejs24.x"},
	{"python", "the Python project", "https://devguide.python.org/versions/", "python3.14"},
	{"provided", "Amazon Linux", "https://aws.amazon.com/amazon-linux-2/faqs/", "provided.al2023"},
}

// supported is the last day on which each runtime is repaired: of Node.js by
// schedule.json of its Release repository; of Python by include/release-cycle.json
// of its devguide, which gives a month for what is still to come, and of a month
// its last day counts; of Amazon Linux by its FAQs (the first, 2, 2023). Compared
// with them in November 2026. Of a runtime that is not here nothing is known and
// nothing said.
var supported = []support{
	{"nodejs6.10", "2019-04-30"}, {"nodejs8.10", "2019-12-31"}, {"nodejs10.x", "2021-04-30"},
	{"nodejs12.x", "2022-04-30"}, {"nodejs14.x", "2023-04-30"}, {"nodejs16.x", "2023-09-11"}, {"nodejs18.x", "2025-04-30"},
	{"nodejs20.x", "2026-04-30"}, {"nodejs22.x", "2027-04-30"}, {"nodejs24.x", "2028-04-30"},
	{"python2.7", "2020-01-01"}, {"python3.6", "2021-12-23"}, {"python3.7", "2023-06-27"}, {"python3.8", "2024-10-07"}, {"python3.9", "2025-10-31"},
	{"python3.10", "2026-10-31"}, {"python3.11", "2027-10-31"}, {"python3.12", "2028-10-31"}, {"python3.13", "2029-10-31"},
	{"python3.14", "2030-10-31"},
	{"provided", "2023-12-31"}, {"provided.al2", "2026-06-30"}, {"provided.al2023", "2029-06-30"},
}

// Unsupported tells whether a runtime's makers have stopped supporting it at a
// time, and on which day.
func Unsupported(runtime string, at time.Time) (ended string, yes bool) {
	for _, s := range supported {
		if s.runtime == runtime {
			return s.ends, at.UTC().Format(time.DateOnly) > s.ends
		}
	}
	return "", false
}

// Runtime asks whether a function, which is the subject, may have a runtime
// (CLO-LAMBDA-001).
func (g *Guardrails) Runtime(tx *store.Tx, s *Subject, runtime string) error {
	return apply(tx, OldRuntime, s, func(*Setting) (*violation, error) {
		ended, yes := Unsupported(runtime, s.Time)
		if !yes {
			return nil, nil
		}
		for _, m := range makers {
			if strings.HasPrefix(runtime, m.prefix) {
				return &violation{
					found:   fmt.Sprintf("would run on %s, which %s does not support since %s (%s)", runtime, m.name, ended, m.source),
					instead: fmt.Sprintf("Use a runtime that is repaired, such as %s, and add it with cloister runtimes add where the machine has none", m.newest),
				}, nil
			}
		}
		return nil, fmt.Errorf("the runtime %s has no maker", runtime)
	})
}
