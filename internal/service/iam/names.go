package iam

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"net/url"
	"strings"

	"cloister/internal/awsapi"
)

// awsAccount stands where an account would in the ARNs of AWS's policies.
const awsAccount = "aws"

func arn(account, resource, path, name string) string {
	return "arn:aws:iam::" + account + ":" + resource + path + name
}

func rootARN(account string) string { return "arn:aws:iam::" + account + ":root" }

// policyARN takes the account, path and name of a managed policy.
func policyARN(account, path, name string) string { return arn(account, "policy", path, name) }

// splitPolicyARN is the inverse of policyARN, for any string.
func splitPolicyARN(s string) (account string, ok bool) {
	rest, ok := strings.CutPrefix(s, "arn:aws:iam::")
	if !ok {
		return "", false
	}
	account, path, ok := strings.Cut(rest, ":policy/")
	return account, ok && account != "" && path != "" && !strings.HasSuffix(path, "/")
}

// newID makes a unique id: a prefix of four letters that says of what
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)
// and 17 characters with 85 bits of chance.
func newID(prefix string) string {
	var b [11]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + base32.StdEncoding.EncodeToString(b[:])[:17]
}

// pathOf is a path given by a caller, "/" when none was.
func pathOf(p *string) string {
	if p == nil {
		return "/"
	}
	return *p
}

// escape encodes a policy document as IAM's answers carry it (RFC 3986).
func escape(document string) *string {
	return awsapi.Ptr(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

// managedID is the unique id of one of AWS's policies: the same on every node.
func managedID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "ANPA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
}
