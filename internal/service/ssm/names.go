package ssm

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/store"
)

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

const (
	maxName   = 1011
	maxLevels = 15
)

// checkName refuses names that AWS refuses
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html).
func checkName(name string) error {
	bare := strings.ToLower(strings.TrimPrefix(name, "/"))
	isPath := strings.Count(name, "/") > 1
	switch {
	case strings.HasPrefix(strings.ToLower(name), "/aws") && isPath:
		return denied("No access to reserved parameter name: %s.", name)
	case !isPath && (strings.HasPrefix(bare, "aws") || strings.HasPrefix(bare, "ssm")):
		return invalid(`Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`)
	case strings.HasPrefix(bare, "ssm"), !namePattern.MatchString(name), strings.Contains(name, "//"), strings.HasSuffix(name, "/"):
		return invalid(`Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`)
	case strings.Contains(name, "/") && name[0] != '/':
		return invalid("Parameter name must be a fully qualified name.")
	case len(name) > maxName:
		return invalid("Parameter name must have at most %d characters.", maxName)
	case strings.Count(name, "/") > maxLevels:
		return awsapi.Errorf("HierarchyLevelLimitExceededException", "A hierarchy can have a maximum of %d levels.", maxLevels)
	}
	return nil
}

// ref is what a caller calls a parameter: a name or an ARN, perhaps with a
// version or a label behind it.
type ref struct {
	Account, Region, Name string
	Selector              string // with its colon; "" for none
	here                  bool   // it is in the region of the call
	byARN                 bool
}

func (f ref) key() store.Key { return store.K(f.Account, f.Region, f.Name) }

func (f ref) arn() string { return arnOf(f.Account, f.Region, f.Name) }

// parse reads a name or an ARN. The name in an ARN has lost its leading slash;
// that it is one of a path shows by another slash in it.
func parse(c *door.Call, given string) ref {
	f := ref{Account: c.Account, Region: c.Region, Name: given, here: true}
	if strings.HasPrefix(given, "arn:") {
		parts := strings.SplitN(given, ":", 6)
		if rest, ok := strings.CutPrefix(parts[len(parts)-1], "parameter/"); ok && len(parts) == 6 && parts[2] == "ssm" {
			f.Account, f.Region, f.Name, f.here, f.byARN = parts[4], parts[3], rest, parts[3] == c.Region, true
			if strings.Contains(rest, "/") {
				f.Name = "/" + rest
			}
		}
	}
	if i := strings.IndexByte(f.Name, ':'); i >= 0 {
		f.Name, f.Selector = f.Name[:i], f.Name[i:]
	}
	return f
}

// look reads the row of a ref. In an ARN a name of one level has lost its slash,
// if it had one.
func look(r store.Reader, f ref) (*parameter, error) {
	p, err := parameters.Get(r, f.key())
	if errors.Is(err, store.ErrNotFound) && f.byARN && !strings.Contains(f.Name, "/") {
		p, err = parameters.Get(r, store.K(f.Account, f.Region, "/"+f.Name))
	}
	return p, err
}

// find reads the parameter of a ref, which must be there.
func find(c *door.Call, r store.Reader, f ref) (*parameter, error) {
	if !f.here {
		return nil, notFound(f.Name)
	}
	p, err := look(r, f)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, notFound(f.Name)
	case err != nil:
		return nil, err
	case p.isGone(c.Time):
		return nil, notFound(f.Name)
	}
	return p, nil
}

// choose reads the version that a selector means, the latest for none.
func (p *parameter) choose(r store.Reader, selector string) (*version, error) {
	number := p.Latest
	if selector != "" {
		what := selector[1:]
		n, err := strconv.ParseInt(what, 10, 64)
		if labelled, ok := p.Labels[what]; ok {
			n, err = labelled, nil
		}
		if err != nil || n < p.Oldest || n > p.Latest {
			return nil, noVersion(p.Name, what)
		}
		number = n
	}
	return versions.Get(r, p.key(number))
}
