package lint

import "strings"

// variables checks the policy variables in a resource or a condition's value
// (IAM User Guide, reference_policies_variables.html).
func (c *checker) variables(v value) {
	if !strings.Contains(v.Text, "${") {
		return
	}
	if c.version != "2012-10-17" {
		c.at(v, "VARIABLE_UNSUPPORTED_IN_VERSION")
		return
	}
	for rest := v.Text; ; {
		_, after, found := strings.Cut(rest, "${")
		if !found {
			return
		}
		body, tail, closed := strings.Cut(after, "}")
		if !closed {
			c.at(v, "MISSING_BRACE_IN_VARIABLE")
			return
		}
		c.variable(v, body)
		rest = tail
	}
}

func (c *checker) variable(v value, body string) {
	key, standby, hasDefault := strings.Cut(body, ",")
	standby = strings.TrimLeft(standby, " ")
	switch {
	case strings.TrimSpace(key) == "":
		c.at(v, "EMPTY_VARIABLE")
	case strings.Contains(key, " "):
		c.at(v, "UNSUPPORTED_SPACE_IN_VARIABLE")
	case hasDefault && (len(standby) < 2 || standby[0] != '\'' || standby[len(standby)-1] != '\''):
		c.at(v, "MISSING_QUOTE_IN_VARIABLE")
	}
}
