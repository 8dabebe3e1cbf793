package iam

import (
	"net/url"
	"strconv"
	"strings"
)

// providerPath begins the resource of an OpenID Connect provider's ARN.
const providerPath = "oidc-provider/"

// providerARN is the ARN of the provider of a URL without its scheme. AWS does
// not normalise URLs: another case, or a slash at the end, is another provider.
func providerARN(account, address string) string { return arn(account, providerPath, address, "") }

// splitProviderARN is the inverse of providerARN, for any string.
func splitProviderARN(s string) (account, address string, ok bool) {
	rest, ok := strings.CutPrefix(s, "arn:aws:iam::")
	if !ok {
		return "", "", false
	}
	account, address, ok = strings.Cut(rest, ":"+providerPath)
	return account, address, ok && account != "" && address != ""
}

// issuerAddress is the URL of an issuer without its scheme: a host, maybe a
// port, and a path of plain characters. What else a URL can have would mean
// something else in an ARN, in a condition key, or to who is asked for keys.
func issuerAddress(issuer string) (address string, ok bool) {
	address, ok = strings.CutPrefix(issuer, "https://")
	if !ok || !plain(address) {
		return "", false
	}
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", false
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "", false
		}
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if segment == "." || segment == ".." {
			return "", false
		}
	}
	return address, true
}

func plain(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && strings.IndexByte("-._~!$&'()+,;=:@/[]", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}
