package lambda

import (
	"regexp"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/store"
)

// ref names a function, or one version or alias of it.
type ref struct {
	Account, Region, Name string
	Qualifier             string // "", "$LATEST", a version number or an alias
}

// functionPattern takes the forms that AWS takes: NAME, ACCOUNT:function:NAME
// and the full ARN, each with :QUALIFIER or without
// (https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html).
var functionPattern = regexp.MustCompile(
	`^(?:arn:(aws[a-zA-Z-]*):lambda:([a-z0-9-]+):(\d{12}):function:|(\d{12}):function:|function:)?([a-zA-Z0-9-_]{1,64})(?::(\$LATEST|[a-zA-Z0-9-_]{1,128}))?$`)

// parseRef reads a function's name and the qualifier given beside it.
func parseRef(c *door.Call, name, qualifier *string) (ref, error) {
	f, err := parseFunction(c, awsapi.Val(name))
	if err != nil {
		return ref{}, err
	}
	q := awsapi.Val(qualifier)
	if q != "" && f.Qualifier != "" && q != f.Qualifier {
		return ref{}, fail("InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier.")
	}
	if q != "" {
		f.Qualifier = q
	}
	return f, nil
}

// parseFunction reads a function's name in any of its forms.
func parseFunction(c *door.Call, name string) (ref, error) {
	f := ref{Account: c.Account, Region: c.Region, Name: name}
	if isPlainName(name) {
		return f, nil
	}
	m := functionPattern.FindStringSubmatch(name)
	if m == nil {
		return ref{}, fail("InvalidParameterValueException", "The function name %q is not a name, a partial ARN or an ARN of a function.", clip(name))
	}
	f.Name, f.Qualifier = m[5], m[6]
	if account := m[3] + m[4]; account != "" {
		f.Account = account
	}
	if m[2] != "" && m[2] != c.Region {
		return ref{}, fail("ResourceNotFoundException", "Functions from '%s' are not reachable in this region ('%s')", m[2], c.Region)
	}
	return f, nil
}

// isPlainName says whether functionPattern takes text as a NAME alone: every
// invocation asks twice, and the pattern takes a microsecond.
func isPlainName(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return text != "" && len(text) <= 64
}

// parseWhole reads the name of a function that is meant as a whole. One with a
// qualifier is refused: what is permitted on a version or an alias must not be
// taken for what is permitted on the function.
func parseWhole(c *door.Call, name *string) (ref, error) {
	f, err := parseRef(c, name, nil)
	if err == nil && f.Qualifier != "" {
		err = fail("InvalidParameterValueException", "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	return f, err
}

// clip keeps messages short whatever was sent.
func clip(s string) string {
	if len(s) > 140 {
		return s[:140] + "…"
	}
	return s
}

// key is the function's own key; with parts added, that of something it has.
func (f ref) key(parts ...any) store.Key {
	return append(store.K(f.Account, f.Region, f.Name), parts...)
}

// functionARN is the function's ARN without a qualifier.
func (f ref) functionARN() string {
	return "arn:aws:lambda:" + f.Region + ":" + f.Account + ":function:" + f.Name
}

// arn is the ARN with the qualifier, if there is one.
func (f ref) arn() string { return f.at(f.Qualifier) }

// at is the function's ARN with another qualifier.
func (f ref) at(qualifier string) string {
	if qualifier == "" {
		return f.functionARN()
	}
	return f.functionARN() + ":" + qualifier
}

// versionNumber reads a qualifier that names a version.
func versionNumber(qualifier string) (int64, bool) {
	if qualifier == "" || qualifier == "$LATEST" {
		return latest, true
	}
	n, err := strconv.ParseInt(qualifier, 10, 64)
	return n, err == nil && n > 0 && !strings.HasPrefix(qualifier, "0")
}

// fail makes an error of the sender's, as most of Lambda's are.
func fail(code, format string, args ...any) error {
	return awsapi.Errorf(code, format, args...).With("Type", "User")
}

func notFound(f ref) error {
	return fail("ResourceNotFoundException", "Function not found: %s", f.arn())
}
