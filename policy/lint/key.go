package lint

import (
	"slices"
	"strings"

	"cloister/policy/catalog"
)

// key checks a condition's key: that it exists, that the statement's actions have
// it, and that the operator fits it.
func (c *checker) key(t *test) {
	service, name, ok := strings.Cut(t.key, ":")
	at := []Location{c.keyOf(t)}
	switch {
	case !ok || service == "" || name == "" || strings.ContainsAny(t.key, " $"):
		c.report("INVALID_CONDITION_KEY_FORMAT", at)
		return
	case t.key == "aws:arn":
		c.report("DEPRECATED_GLOBAL_CONDITION_KEY", at)
		return
	case bareTag(t.key):
		c.report("MISSING_TAG_KEY_IN_CONDITION", at, t.member.Name, strings.TrimSuffix(t.member.Name, "/")+"/")
		return
	case service == own:
		return
	case strings.ContainsAny(service, "./") || service == "saml":
		c.claim(t)
		return
	}
	key, found := catalog.GlobalKey(t.key)
	if !found && service == "aws" {
		c.report("INVALID_GLOBAL_CONDITION_KEY", at, t.member.Name)
		return
	}
	if !found {
		if key, found = c.serviceKey(t, service); !found {
			return
		}
		c.supported(t)
	}
	c.qualified(t, key)
	c.typed(t, key)
	if slices.Contains([]string{"aws:referer", "aws:useragent"}, t.key) && t.statement.allows() != t.negated() {
		c.report("UNTRUSTWORTHY_CONDITION_KEY", at, t.member.Name)
	}
}

// claim checks a key that is a claim of an identity provider's: those of the
// providers that STS knows by name.
func (c *checker) claim(t *test) {
	sts, _ := catalog.Find("sts")
	if key, ok := sts.Key(t.key); ok {
		c.supported(t)
		c.typed(t, key)
	}
}

// bareTag says whether a key lacks the tag whose value it is about.
func bareTag(key string) bool {
	_, name, _ := strings.Cut(key, ":")
	return slices.Contains([]string{"resourcetag", "requesttag", "principaltag"}, strings.TrimSuffix(name, "/"))
}

func (c *checker) serviceKey(t *test, service string) (*catalog.Key, bool) {
	known, ok := catalog.Find(service)
	if !ok {
		if !c.borrowed(t) {
			c.report("INVALID_SERVICE", []Location{c.keyOf(t)}, service)
		}
		return nil, false
	}
	key, ok := known.Key(t.key)
	if !ok && !c.borrowed(t) {
		c.report("INVALID_SERVICE_CONDITION_KEY", []Location{c.keyOf(t)}, t.member.Name, service)
	}
	return key, ok
}

// borrowed says whether a service of one of the statement's actions has the key,
// which need not begin with that service's prefix.
func (c *checker) borrowed(t *test) bool {
	actions, _, _ := t.statement.either("Action")
	return slices.ContainsFunc(actions.texts(), func(a value) bool {
		prefix, _, _ := strings.Cut(strings.ToLower(a.Text), ":")
		s, ok := catalog.Find(prefix)
		if ok {
			_, ok = s.Key(t.key)
		}
		return ok
	})
}

// supported reports actions whose requests never have the key. Patterns are not
// looked at, as on AWS.
func (c *checker) supported(t *test) {
	actions, negated, _ := t.statement.either("Action")
	if negated {
		return
	}
	var names []string
	var where []Location
	for _, a := range actions.texts() {
		prefix, name, _ := strings.Cut(a.Text, ":")
		s, ok := catalog.Find(strings.ToLower(prefix))
		if !ok {
			continue
		}
		if action, ok := s.Action(name); ok && !action.Takes(t.key) {
			names, where = append(names, a.Text), append(where, c.location(a))
		}
	}
	if names != nil {
		c.report("UNSUPPORTED_ACTION_FOR_CONDITION_KEY", append(where, c.keyOf(t)), strings.Join(names, ", "), t.member.Name)
	}
}

// qualified checks ForAllValues and ForAnyValue against how many values the key has.
func (c *checker) qualified(t *test, key *catalog.Key) {
	switch {
	case t.kind() == "Null":
	case key.Multivalued() && t.set == "":
		c.report("MISSING_QUALIFIER", []Location{c.keyOf(t)}, t.member.Name)
	case !key.Multivalued() && t.set == "ForAllValues" && t.statement.allows():
		c.report("FORALLVALUES_WITH_SINGLE_VALUED_KEY", []Location{c.keyOf(t)}, t.member.Name)
	}
}

// words are what messages call the types of keys and of operators.
var words = map[string]string{"Bool": "Boolean", "IPAddress": "IP address"}

func word(kind string) string {
	if w, ok := words[kind]; ok {
		return w
	}
	return kind
}

// typed checks that the operator compares what the key has.
func (c *checker) typed(t *test, key *catalog.Key) {
	wants, has := key.Base(), t.kind()
	switch {
	case has == wants || has == "Null" || has == "Binary" || wants == "Binary":
	case wants == "Date" && has == "Numeric" && t.key == "aws:epochtime":
	case wants == "ARN" && has == "String":
		if strings.HasSuffix(t.name, "Like") {
			c.report("STRING_LIKE_OPERATOR_WITH_ARN_CONDITION_KEYS", []Location{c.keyOf(t)}, wants, strings.ToLower(has), t.member.Name)
		}
	default:
		c.report("TYPE_MISMATCH", []Location{c.keyOf(t)}, word(wants), strings.ToLower(word(has)), t.member.Name)
	}
}
