package lint

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"cloister/policy"
)

func (c *checker) document(doc value) {
	if doc.Kind != '{' {
		c.at(doc, "DATA_TYPE_MISMATCH", "object")
		return
	}
	for i := range doc.Members {
		switch m := &doc.Members[i]; m.Name {
		case "Version", "Statement":
		case "Id":
			if m.Value.Kind != '"' {
				c.at(doc.member(m), "DATA_TYPE_MISMATCH", "string")
			}
		default:
			c.report("INVALID_POLICY_ELEMENT", []Location{c.name(doc, m)}, m.Name)
		}
	}
	c.size(doc)
	c.checkVersion(doc)
	body, ok := doc.get("Statement")
	if !ok || body.Kind == '[' && len(body.Items) == 0 {
		c.at(doc, "MISSING_STATEMENT")
		return
	}
	for _, s := range body.list() {
		c.statement(s)
	}
}

func (c *checker) checkVersion(doc value) {
	v, ok := doc.get("Version")
	switch {
	case !ok:
		c.at(doc, "MISSING_VERSION")
	case v.Kind != '"':
		c.at(v, "DATA_TYPE_MISMATCH", "string")
	case v.Text != "2012-10-17" && v.Text != "2008-10-17":
		c.at(v, "INVALID_VERSION", v.Text, "2012-10-17, 2008-10-17")
	default:
		c.version = v.Text
	}
}

// quotas are the longest policies that AWS keeps (IAM User Guide,
// reference_iam-quotas.html; Organizations User Guide, orgs_reference_limits.html;
// of resource policies those of Lambda and S3).
var quotas = map[policy.Kind]struct {
	code  string
	most  int
	space bool // white space counts
}{
	policy.KindIdentity:             {"POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA", 6144, false},
	policy.KindBoundary:             {"POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA", 6144, false},
	policy.KindResource:             {"POLICY_SIZE_EXCEEDS_RESOURCE_POLICY_QUOTA", 20480, true},
	policy.KindTrust:                {"POLICY_SIZE_EXCEEDS_ROLE_TRUST_POLICY_QUOTA", 2048, false},
	policy.KindOrganization:         {"POLICY_SIZE_EXCEEDS_SCP_QUOTA", 5120, true},
	policy.KindResourceOrganization: {"POLICY_SIZE_EXCEEDS_RCP_QUOTA", 5120, true},
}

func (c *checker) size(doc value) {
	q, ok := quotas[c.kind]
	if !ok {
		return
	}
	size := utf8.RuneCount(c.text)
	if !q.space {
		size -= utf8.RuneCount(c.text) - utf8.RuneCount(bytes.Join(bytes.FieldsFunc(c.text, unicode.IsSpace), nil))
	}
	switch {
	case size <= q.most:
	case c.kind == policy.KindTrust: // the message has no numbers
		c.at(doc, q.code)
	default:
		c.at(doc, q.code, size, q.most)
	}
}
