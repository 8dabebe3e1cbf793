package lint

import (
	"slices"
	"strings"
	"sync"

	"cloister/policy"
	"cloister/policy/catalog"
)

func (c *checker) resources(s value) {
	v, negated, ok := s.either("Resource")
	switch {
	case c.kind == policy.KindTrust && ok:
		c.at(v, "ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE")
		return
	case c.kind == policy.KindTrust:
		return
	case !ok:
		c.at(s, "MISSING_RESOURCE")
		return
	case v.Kind == '[' && len(v.Items) == 0:
		c.at(v, "EMPTY_ARRAY_RESOURCE")
		return
	}
	c.strings(v)
	for _, item := range v.texts() {
		if wild := item.Text != "" && strings.Trim(item.Text, "*") == ""; !wild {
			c.resource(item)
			c.variables(item)
		}
	}
	if !negated {
		c.redundant(v.texts(), "REDUNDANT_RESOURCE", func(s string) string { return s })
	}
}

// arnFields are the fields of an ARN.
const arnFields = 6

func (c *checker) resource(v value) {
	f := strings.SplitN(v.Text, ":", arnFields)
	switch {
	case f[0] != "arn":
		c.at(v, "INVALID_ARN_PREFIX")
	case len(f) < arnFields && strings.HasSuffix(v.Text, "*"): // it goes on in the star
	case len(f) < arnFields:
		c.at(v, "MISSING_ARN_FIELD", arnFields)
	case open(f[2]) && f[2] != "*":
		c.at(v, "WILDCARD_IN_SERVICE_NAME")
	case open(f[2]):
	case f[2] != strings.ToLower(f[2]):
		c.at(v, "INVALID_ARN_SERVICE_CASE", f[2])
	default:
		c.fields(v, f)
	}
}

// open says whether a field of an ARN is more than one text.
func open(field string) bool {
	return strings.ContainsAny(field, "*?") || strings.Contains(field, "${")
}

// partitions are those of the SDKs' partition metadata.
var partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}

// fields checks the fields of an ARN against the forms of the service's ARNs.
func (c *checker) fields(v value, f []string) {
	service, account := f[2], f[4]
	if !open(f[1]) && !slices.Contains(partitions, f[1]) {
		c.at(v, "INVALID_PARTITION", service, f[1], strings.Join(partitions, ", "))
		return
	}
	known := forms()[service]
	if account != "" && account != "aws" && !open(account) && (strings.Trim(account, digits) != "" || len(account) != 12) && !known.literal(4, account) {
		c.at(v, "INVALID_ARN_ACCOUNT", account)
		return
	}
	switch _, prefix := catalog.Find(service); {
	case service == own || known == nil && prefix:
		return
	case known == nil:
		c.at(v, "INVALID_SERVICE", service)
		return
	}
	switch code := known.fault(f); {
	case code == "MISSING_ARN_ACCOUNT" && !owned[service], code == "INVALID_ARN_RESOURCE" && partly[service], code == "":
	case code == "INVALID_ARN_RESOURCE":
		c.at(v, code)
	default:
		c.at(v, code, service)
	}
}

var (
	// owned are services all of whose resources are in a customer's account.
	// Elsewhere an ARN without account may be one of AWS's own.
	owned = set("access-analyzer dynamodb iam lambda logs organizations secretsmanager sqs sts")
	// partly are services that have resources beside those in the catalogue.
	partly = set("apigateway cloudformation elasticloadbalancing waf waf-regional")
)

func set(words string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(words) {
		all[w] = true
	}
	return all
}

// formList is the forms of a service's ARNs, in fields.
type formList [][]string

// forms are the ARNs of the catalogue by the service in them, which need not be
// the one whose actions take them.
var forms = sync.OnceValue(func() map[string]formList {
	all := map[string]formList{}
	for _, prefix := range catalog.Prefixes() {
		s, _ := catalog.Find(prefix)
		for i := range s.Resources {
			for _, arn := range s.Resources[i].ARNs {
				if f := strings.SplitN(arn, ":", arnFields); len(f) == arnFields {
					f[5] = starred(f[5])
					all[f[2]] = append(all[f[2]], f)
				}
			}
		}
	}
	return all
})

// starred is text with a star for each of its variable parts.
func starred(text string) string {
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			return text
		}
		_, after, _ := strings.Cut(rest, "}")
		text = before + "*" + after
	}
}

// literal says whether a form has the text in a field.
func (l formList) literal(field int, text string) bool {
	return slices.ContainsFunc(l, func(form []string) bool { return form[field] == text })
}

// fault is the code of what none of the forms allows.
func (l formList) fault(f []string) string {
	where := l
	for _, field := range []struct {
		n                  int
		missing, forbidden string
	}{{3, "MISSING_ARN_REGION", "ARN_REGION_NOT_ALLOWED"}, {4, "MISSING_ARN_ACCOUNT", "ARN_ACCOUNT_NOT_ALLOWED"}} {
		given := f[field.n]
		where = slices.DeleteFunc(slices.Clone(where), func(form []string) bool { return !allows(form[field.n], given) })
		switch {
		case len(where) > 0:
		case given == "":
			return field.missing
		default:
			return field.forbidden
		}
	}
	resource := starred(f[5])
	for _, form := range where {
		if meets(form[5], resource) {
			return ""
		}
	}
	return "INVALID_ARN_RESOURCE"
}

// allows says whether a form's region or account may be what was given.
func allows(form, given string) bool {
	switch {
	case given == "*", open(given) && form != "":
		return true
	case given == "":
		return form == "" || form == "*"
	}
	return form == given || strings.Contains(form, "${") || form == "*"
}
