package ssm

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/store"
)

// maxVersions is how many versions a parameter keeps.
const maxVersions = 100

func (s *Service) putParameter(c *door.Call, in *api.PutParameterRequest) (*api.PutParameterResult, error) {
	f := parse(c, val(in.Name))
	if err := checkPut(f, in); err != nil {
		return nil, err
	}
	policies, expires, err := parsePolicies(val(in.Policies))
	if err != nil {
		return nil, err
	}
	old, last, err := s.before(c, f)
	if err != nil {
		return nil, err
	}
	v, err := newVersion(c, in, last)
	if err != nil {
		return nil, err
	}
	if v.Policies = policies; in.Policies == nil && last != nil {
		v.Policies = last.Policies
	}
	if err := v.checkTier(in, last); err != nil {
		return nil, err
	}
	if err := checkOverwrite(in, old, last, v); err != nil {
		return nil, err
	}
	if v.Type == secure {
		if err := s.seal(c, f.arn(), v, *in.Value); err != nil {
			return nil, err
		}
	} else {
		v.Text = *in.Value
	}
	err = c.Commit(func(tx *store.Tx) error {
		p, err := current(c, tx, f)
		if err != nil {
			return err
		}
		if p != nil && !val(in.Overwrite) {
			return alreadyExists()
		}
		if (p == nil) != (old == nil) || p != nil && p.Latest != old.Latest {
			return awsapi.Errorf("TooManyUpdates", "There are concurrent updates for a resource that supports one update at a time.")
		}
		if p == nil {
			p = &parameter{Account: f.Account, Region: f.Region, Name: f.Name, Oldest: 1, Tags: tagsOf(in.Tags)}
		}
		if in.Policies != nil {
			p.Expires = expires
		}
		return p.add(tx, v)
	})
	if err != nil {
		return nil, err
	}
	return &api.PutParameterResult{Version: &v.Number, Tier: &v.Tier}, nil
}

// before is the parameter as it is, and its latest version; nil for none.
func (s *Service) before(c *door.Call, f ref) (p *parameter, last *version, err error) {
	err = c.View(func(r store.Reader) (err error) {
		if p, err = current(c, r, f); err == nil && p != nil {
			last, err = p.choose(r, "")
		}
		return err
	})
	return p, last, err
}

// current is a parameter that may not be there.
func current(c *door.Call, r store.Reader, f ref) (*parameter, error) {
	p, err := parameters.Get(r, f.key())
	if errors.Is(err, store.ErrNotFound) || err == nil && p.isGone(c.Time) {
		return nil, nil
	}
	return p, err
}

// add stores a version, and forgets the oldest where there are too many.
func (p *parameter) add(tx *store.Tx, v *version) error {
	if err := removeExpired(tx, p); err != nil {
		return err
	}
	if p.Latest-p.Oldest+1 >= maxVersions {
		if len(p.labels(p.Oldest)) > 0 {
			return awsapi.Errorf("ParameterMaxVersionLimitExceeded", "You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.", p.Name, p.Oldest)
		}
		if err := versions.Delete(tx, p.key(p.Oldest)); err != nil {
			return err
		}
		p.Oldest++
	}
	p.Latest++
	v.Number = p.Latest
	return errors.Join(versions.Insert(tx, p.key(v.Number), v), parameters.Put(tx, p.key(), p))
}

// removeExpired takes away what is left of a parameter that expired and is made
// again.
func removeExpired(tx *store.Tx, p *parameter) error {
	if p.Latest > 0 {
		return nil
	}
	old, err := parameters.Get(tx, p.key())
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return remove(tx, old)
}

func alreadyExists() error {
	return awsapi.Errorf("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
}

// checkPut refuses all that can be refused by the request alone.
func checkPut(f ref, in *api.PutParameterRequest) error {
	if f.Selector != "" {
		return invalid("A parameter is put by its name alone, without a version or a label.")
	}
	if err := checkName(f.Name); err != nil {
		return err
	}
	switch {
	case *in.Value == "":
		return invalid("1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case len(in.Tags) > 0 && val(in.Overwrite):
		return invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	case !slices.Contains([]string{"text", "aws:ec2:image", "aws:ssm:integration"}, or(in.DataType, "text")):
		return invalid("The following data type is not supported: %s (Data type names are all lowercase.)", *in.DataType)
	case val(in.DataType) == "aws:ec2:image" && !imagePattern.MatchString(*in.Value):
		return invalid("Parameter value for data type aws:ec2:image must have the form ami-12345abcdeEXAMPLE.")
	}
	return checkTags(tagsOf(in.Tags))
}

var imagePattern = regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`)

// newVersion is the version that a request makes; what it leaves out stays as
// it was.
func newVersion(c *door.Call, in *api.PutParameterRequest, last *version) (*version, error) {
	v := &version{Description: val(in.Description), AllowedPattern: val(in.AllowedPattern), Modified: c.Time, User: c.Principal.ARN}
	if last != nil {
		v.Type, v.KeyID, v.Tier, v.DataType = last.Type, last.KeyID, last.Tier, last.DataType
		v.Description, v.AllowedPattern = or(in.Description, last.Description), or(in.AllowedPattern, last.AllowedPattern)
	}
	v.Type, v.DataType = or(in.Type, v.Type), or(in.DataType, v.DataType)
	if v.DataType == "" {
		v.DataType = "text"
	}
	switch {
	case v.Type == "":
		return nil, invalid("A parameter type is required when you create a parameter.")
	case v.Type != secure && in.KeyId != nil:
		return nil, awsapi.Errorf("InvalidKeyId", "KeyId is required for SecureString type parameter only.")
	}
	if v.Type == secure {
		v.KeyID = or(in.KeyId, or(some(v.KeyID), managedKey))
	}
	return v, v.checkPattern(*in.Value)
}

func (v *version) checkPattern(value string) error {
	if v.AllowedPattern == "" {
		return nil
	}
	allowed, err := regexp.Compile(v.AllowedPattern)
	if err != nil {
		return awsapi.Errorf("InvalidAllowedPatternException", "The allowed pattern is not a regular expression: %s", err)
	}
	values := []string{value}
	if v.Type == list {
		values = strings.Split(value, ",")
	}
	for _, one := range values {
		if !allowed.MatchString(one) {
			return awsapi.Errorf("ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: %s", v.AllowedPattern)
		}
	}
	return nil
}

// The sizes of values, in characters.
const (
	standardSize = 4096
	advancedSize = 8192
)

// checkTier chooses the tier and refuses what is too much for it
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html).
func (v *version) checkTier(in *api.PutParameterRequest, last *version) error {
	needs := standard
	if len(*in.Value) > standardSize || len(v.Policies) > 0 {
		needs = advanced
	}
	was := last != nil && last.Tier == advanced
	switch or(in.Tier, "") {
	case "":
		v.Tier = standard
		if was {
			v.Tier = advanced
		}
	case "Intelligent-Tiering":
		v.Tier = needs
		if was {
			v.Tier = advanced
		}
	default:
		v.Tier = *in.Tier
	}
	switch {
	case was && v.Tier == standard:
		return invalid("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.")
	case v.Tier == standard && len(v.Policies) > 0:
		return invalid("Parameter policies are supported by the advanced-parameter tier only: set Tier to Advanced.")
	case v.Tier == standard && len(*in.Value) > standardSize:
		return invalid("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html")
	case len(*in.Value) > advancedSize:
		return invalid("Advanced tier parameters support a maximum parameter value of 8192 characters.")
	}
	return nil
}

// checkOverwrite refuses to change what must not be changed.
func checkOverwrite(in *api.PutParameterRequest, old *parameter, last, v *version) error {
	switch {
	case old == nil:
		return nil
	case !val(in.Overwrite):
		return alreadyExists()
	case last.Type != v.Type:
		return awsapi.Errorf("HierarchyTypeMismatchException", "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.")
	}
	return nil
}
