package secretscan

import (
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Variable says which variable of an environment holds a secret, and why.
type Variable struct {
	Name string
	Rule string // gitleaks' rule, or "credential-name" or "url-with-password"
}

// The rules of variables that are not gitleaks'.
const (
	byName = "credential-name"
	byURL  = "url-with-password"
)

// Environment finds the variables that hold a secret in clear text, by name:
// a value in which gitleaks finds one, an address with a password in it, and
// any literal, however weak, whose variable's name says that it is a
// credential.
func Environment(variables map[string]string) (found []Variable) {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if rule := judge(name, variables[name]); rule != "" {
			found = append(found, Variable{name, rule})
		}
	}
	return found
}

func judge(name, value string) (rule string) {
	for _, f := range Text("", name+"=\""+value+"\"\n") {
		if !strings.Contains(f.Rule, "generic") {
			return f.Rule
		}
	}
	switch {
	case hasPassword(value):
		return byURL
	case plainlyNone(value):
		return ""
	case saysCredential(name), saysKey(name) && looksRandom(value):
		return byName
	}
	return ""
}

// hasPassword tells whether a value is an address with a password in it.
func hasPassword(value string) bool {
	u, err := url.Parse(strings.TrimSpace(value))
	if err != nil || u.User == nil || u.Host == "" {
		return connectionPassword.MatchString(value)
	}
	password, ok := u.User.Password()
	return ok && password != "" && !placeholder.MatchString(password)
}

var (
	// connectionPassword is a password among the settings of a connection
	// string (Server=…;Password=…), or in an address that is no good URL.
	connectionPassword = regexp.MustCompile(`(?i)(?:^|;)\s*(?:password|pwd|accountkey|sharedaccesskey)\s*=\s*[^;{$\s][^;]*|^[a-z][a-z0-9+.-]*://[^\s/@:{$]*:[^\s/@{$<][^\s@]*@[^\s@]+$`)

	// placeholder is a reference to a value elsewhere.
	placeholder = regexp.MustCompile(`^(?:\{\{.*\}\}|\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_][A-Za-z0-9_]*|<[^<>]*>|%[A-Za-z_][A-Za-z0-9_]*%|ENC\[.*\])$`)

	arn       = regexp.MustCompile(`^arn:aws[a-z-]*:[a-z0-9-]+:`)
	filePath  = regexp.MustCompile(`^(?:/|\./|\.\./|~/)[\w@%.+-]+(?:/[\w@%.+-]+)*/?$`)
	namePath  = regexp.MustCompile(`^[a-z][a-z0-9_.-]*(?:/[a-z][a-z0-9_.-]*){2,}$`)
	duration  = regexp.MustCompile(`^\d+(?:\.\d+)?\s?(?:ns|us|ms|s|m|h|d|w|sec|seconds|min|minutes|hours|days|[kmgt]i?b)$`)
	nothing   = map[string]bool{"": true, "true": true, "false": true, "yes": true, "no": true, "on": true, "off": true, "null": true, "none": true, "nil": true, "undefined": true, "enabled": true, "disabled": true, "required": true, "optional": true, "n/a": true}
	numberish = regexp.MustCompile(`^[+-]?\d+(?:[.,_]\d+)*%?$`)
)

// plainlyNone tells whether a value is, whatever its name, no credential.
func plainlyNone(value string) bool {
	v := strings.TrimSpace(value)
	lower := strings.ToLower(v)
	if nothing[lower] || placeholder.MatchString(v) || arn.MatchString(v) || numberish.MatchString(v) || duration.MatchString(lower) {
		return true
	}
	if _, err := strconv.ParseFloat(v, 64); err == nil {
		return true
	}
	if _, err := netip.ParseAddr(v); err == nil {
		return true
	}
	return filePath.MatchString(v) && !looksRandom(v) || namePath.MatchString(v) || isAddress(v)
}

// isAddress tells whether a value is a URL, which has no password in it where
// this is asked.
func isAddress(v string) bool {
	u, err := url.Parse(v)
	return err == nil && u.Scheme != "" && u.Host != "" && !strings.ContainsFunc(v, unicode.IsSpace)
}

// words takes a name apart: DB_PASSWORD, dbPassword and db-password are the
// same.
func words(name string) (all []string) {
	var word []rune
	flush := func() {
		if len(word) > 0 {
			all = append(all, strings.ToLower(string(word)))
			word = nil
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1])),
			unicode.IsUpper(r) && i > 0 && unicode.IsUpper(runes[i-1]) && i+1 < len(runes) && unicode.IsLower(runes[i+1]):
			flush()
		}
		word = append(word, r)
	}
	flush()
	return all
}

func set(words string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(words) {
		all[w] = true
	}
	return all
}

var (
	// credentials are words that say it alone.
	credentials = set(`password passwd passwort pwd passphrase passcode pass pw secret secrets token apikey accesskey secretkey privatekey
		credential credentials creds authtoken accesstoken clientsecret dbpassword dbpass dbpasswd apitoken apisecret signingkey
		encryptionkey masterkey pat hmac psk bearer jwt`)

	// stillSecret are words that may stand behind a credential's and change
	// nothing.
	stillSecret = set(`key value string text plaintext plain data material raw base64 b64 default current previous old new prod production
		staging dev test qa uat live sandbox primary secondary backup main base`)

	// before are words that take the meaning from the word behind them.
	before = set(`next page pagination continuation max min num total prompt completion input output cancellation sync no without bypass
		reset forgot forgotten change require use enable disable is has skip show hide allow partition sort csrf xsrf count lookahead first second single multi`)

	// keyed are words after which a key is a credential.
	keyed = set(`api access secret private signing sign encryption encrypt encrypted decryption cipher crypto master admin service auth authentication
		shared webhook hmac jwt license licence ssh pgp gpg rsa ssl tls deploy session cookie salt server account integration write subscription sas`)

	// kinds are words before a key that is not a credential.
	kinds = set(`partition sort primary foreign hash range cache public pub s3 object bucket idempotency routing index group dedup deduplication
		map json dict lookup composite kms alias hot feature flag flags sequence row query message config state lock tag dimension metric
		record shard user order event translation i18n field column attribute header property label natural surrogate unique item document doc
		root prefix namespace redis keyboard host known trusted sns sqs ddb dynamodb dynamo table gsi lsi`)
)

// saysCredential tells whether a variable's name says that its value is a
// credential.
func saysCredential(name string) bool {
	all := words(name)
	for len(all) > 1 && (stillSecret[all[len(all)-1]] || numberish.MatchString(all[len(all)-1])) && !(all[len(all)-1] == "key") {
		all = all[:len(all)-1]
	}
	if len(all) == 0 {
		return false
	}
	last := all[len(all)-1]
	previous := ""
	if len(all) > 1 {
		previous = all[len(all)-2]
	}
	if last == "key" || last == "keys" {
		return keyed[previous] || credentials[previous] && !before[previous]
	}
	return (credentials[last] || endsInPassword(last)) && !before[previous]
}

// endsInPassword is for words that were written together: PGPASSWORD.
func endsInPassword(word string) bool {
	return strings.HasSuffix(word, "password") || strings.HasSuffix(word, "passwd")
}

// saysKey tells whether a name is that of a key which may well be one of a
// service: STRIPE_KEY, but not PARTITION_KEY.
func saysKey(name string) bool {
	all := words(name)
	if len(all) < 2 {
		return false
	}
	last, previous := all[len(all)-1], all[len(all)-2]
	return last == "key" && !kinds[previous] || last == "salt" || last == "auth" || last == "sid" && previous == "account"
}

// looksRandom tells whether a value is as only machines make them.
func looksRandom(v string) bool {
	return len(v) >= 16 && !strings.ContainsFunc(v, unicode.IsSpace) && strings.ContainsFunc(v, unicode.IsDigit) &&
		strings.ContainsFunc(v, unicode.IsLetter) && entropy(v) > 3
}
