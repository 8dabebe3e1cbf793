package organizations

import (
	"crypto/rand"
	"math/big"
	"strings"

	api "cloister/internal/awsapi/organizations"
)

// The forms of ids and ARNs are those of the API reference and of the Service
// Authorization Reference
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html).

// newID makes an id of a prefix and n letters and digits.
func newID(prefix string, n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	return prefix + draw(letters, n)
}

// draw makes a word of n letters by chance.
func draw(letters string, n int) string {
	word := make([]byte, n)
	for i := range word {
		k, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		word[i] = letters[k.Int64()]
	}
	return string(word)
}

// newAccountID makes twelve digits, the first of which is none that tools drop.
func newAccountID() string { return draw("123456789", 1) + draw("0123456789", 11) }

func (o *organization) prefix() string { return "arn:aws:organizations::" + o.Management + ":" }

func (o *organization) arn() string { return o.prefix() + "organization/" + o.ID }

// at is the ARN of what an id names, which tells its kind.
func (o *organization) at(id string) string {
	switch {
	case strings.HasPrefix(id, "r-"):
		return o.prefix() + "root/" + o.ID + "/" + id
	case strings.HasPrefix(id, "ou-"):
		return o.prefix() + "ou/" + o.ID + "/" + id
	}
	return o.prefix() + "account/" + o.ID + "/" + id
}

// policyAt is the ARN of a policy.
func (o *organization) policyAt(p *document) string {
	if p.Managed {
		return "arn:aws:organizations::aws:policy/" + strings.ToLower(p.Type) + "/" + p.ID
	}
	return o.prefix() + "policy/" + o.ID + "/" + strings.ToLower(p.Type) + "/" + p.ID
}

// newUnitID makes the id of a unit: it has the root's in it.
func (o *organization) newUnitID() string {
	return newID("ou-"+strings.TrimPrefix(o.Root, "r-")+"-", 8)
}

// placeholderEmail is the address of an account that has none.
func placeholderEmail(account string) string { return "root@" + account + ".invalid" }

func parentType(id string) string {
	if strings.HasPrefix(id, "r-") {
		return api.ParentTypeRoot
	}
	return api.ParentTypeOrganizationalUnit
}

// fold makes equal what differs in case only.
func fold(s string) string { return strings.ToLower(s) }

func compare(a, b string) int { return strings.Compare(a, b) }
