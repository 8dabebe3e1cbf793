package accessanalyzer

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Actions, resources and condition keys are those of the Service Authorization
// Reference (list_awsiamaccessanalyzer.html). ListFindingsV2 and GetFindingV2 take
// the actions of the operations that they follow.

// onAll needs an action on no resource in particular.
func onAll[In any](action string) door.Auth[In] {
	return door.On("access-analyzer:"+action, func(*door.Call, *In) string { return "*" })
}

// onName needs an action on the analyzer of a name.
func onName[In any](action string, name func(*In) *string) door.Auth[In] {
	return onAnalyzer(action, "", func(c *door.Call, in *In) string { return analyzerARN(c.Account, c.Region, val(name(in))) })
}

// onARN needs an action on the analyzer of an ARN.
func onARN[In any](action string, arn func(*In) *string) door.Auth[In] {
	return onAnalyzer(action, "", func(_ *door.Call, in *In) string { return val(arn(in)) })
}

// onRule needs an action on an archive rule.
func onRule[In any](action string, names func(*In) (analyzer, rule *string)) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		name, rule := names(in)
		arn := analyzerARN(c.Account, c.Region, val(name))
		need, err := analyzerNeed(r, action, arn)
		need.Resource = arn + "/archive-rule/" + val(rule)
		return []door.Need{need}, err
	})
}

func onAnalyzer[In any](action, suffix string, arn func(*door.Call, *In) string) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need, err := analyzerNeed(r, action, arn(c, in))
		need.Resource += suffix
		return []door.Need{need}, err
	})
}

// analyzerNeed is an action on an analyzer with its tags; the same for one that
// does not exist.
func analyzerNeed(r store.Reader, action, arn string) (door.Need, error) {
	need := door.Need{Action: "access-analyzer:" + action, Resource: arn, Context: policy.MapContext{}}
	account, region, name := parseARN(arn)
	need.Account = account
	a, err := analyzers.Get(r, store.K(account, region, name))
	if errors.Is(err, store.ErrNotFound) {
		return need, nil
	}
	if err != nil {
		return need, err
	}
	addTags(need.Context, "aws:resourcetag/", a.Tags)
	return need, nil
}

// addTags puts tags into a need's context; condition keys are lower case.
func addTags(context policy.MapContext, prefix string, tags map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		context[prefix+strings.ToLower(key)] = []string{tags[key]}
	}
}

func needsOfCreate(c *door.Call, _ store.Reader, in *api.CreateAnalyzerRequest) ([]door.Need, error) {
	need := door.Need{Action: "access-analyzer:CreateAnalyzer", Resource: analyzerARN(c.Account, c.Region, val(in.AnalyzerName)), Context: policy.MapContext{}}
	addTags(need.Context, "aws:requesttag/", in.Tags)
	if len(in.Tags) > 0 {
		need.Context["aws:tagkeys"] = slices.Sorted(maps.Keys(in.Tags))
	}
	return []door.Need{need}, nil
}

// parseARN is the parts of an analyzer's ARN, empty ones for what is none.
func parseARN(arn string) (account, region, name string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "access-analyzer" {
		return "", "", ""
	}
	name, ok := strings.CutPrefix(parts[5], "analyzer/")
	if !ok || name == "" || strings.Contains(name, "/") {
		return "", "", ""
	}
	return parts[4], parts[3], name
}

// find is the analyzer of an ARN, in the call's account and region.
func find(c *door.Call, r store.Reader, arn *string) (*analyzer, error) {
	account, region, name := parseARN(val(arn))
	if name == "" {
		return nil, invalid("%q is not the ARN of an analyzer.", val(arn))
	}
	if account != c.Account || region != c.Region {
		return nil, missing("Analyzer", val(arn), "")
	}
	return byName(c, r, name)
}

// byName is the analyzer of a name.
func byName(c *door.Call, r store.Reader, name string) (*analyzer, error) {
	a, err := analyzers.Get(r, store.K(c.Account, c.Region, name))
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing("Analyzer", analyzerARN(c.Account, c.Region, name), "")
	}
	return a, err
}

// invalid is an input that the model allows and the operation does not.
func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", format, args...).With("reason", "other")
}

// missing says that something of a type does not exist.
func missing(kind, id, more string) error {
	return awsapi.Errorf("ResourceNotFoundException", "The %s %s was not found.%s", strings.ToLower(kind), id, more).
		With("resourceId", id).With("resourceType", kind)
}

func conflict(kind, id string) error {
	return awsapi.Errorf("ConflictException", "The %s %s exists already.", strings.ToLower(kind), id).
		With("resourceId", id).With("resourceType", kind)
}

func quota(kind, id, format string, args ...any) error {
	return awsapi.Errorf("ServiceQuotaExceededException", format, args...).With("resourceId", id).With("resourceType", kind)
}
