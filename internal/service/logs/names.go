package logs

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// groupID names a log group.
type groupID struct{ Account, Region, Name string }

func (g groupID) key(parts ...any) store.Key {
	return append(store.K(g.Account, g.Region, g.Name), parts...)
}

// arn is the group's ARN without the ":*" that policies and old answers have.
func (g groupID) arn() string {
	return "arn:aws:logs:" + g.Region + ":" + g.Account + ":log-group:" + g.Name
}

func (g groupID) streamARN(name string) string { return g.arn() + ":log-stream:" + name }

func val[T any](p *T) T { return awsapi.Val(p) }

func ptr[T any](v T) *T { return awsapi.Ptr(v) }

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func invalid(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameterException", format, args...)
}

// parseGroup reads a group's name or ARN; one of both must be given.
func parseGroup(c *door.Call, name, arn *string) (groupID, error) {
	g := groupID{c.Account, c.Region, val(name)}
	given := val(arn)
	switch {
	case (given == "") == (g.Name == ""):
		return g, invalid("Exactly one of LogGroupName and LogGroupIdentifier must be specified.")
	case given == "":
		return g, nil
	case !strings.HasPrefix(given, "arn:"):
		g.Name = given
		return g, nil
	}
	return parseARN(c, given)
}

// parseARN reads the ARN of a group, with or without ":*" at its end. One of
// another region names none that this call can reach.
func parseARN(c *door.Call, given string) (groupID, error) {
	none := groupID{c.Account, c.Region, ""}
	parts := strings.SplitN(given, ":", 7)
	if len(parts) < 7 || parts[2] != "logs" || parts[5] != "log-group" {
		return none, notAGroup()
	}
	group := groupID{parts[4], parts[3], strings.TrimSuffix(parts[6], ":*")}
	if group.Name == "" || strings.Contains(group.Name, ":") {
		return none, notAGroup()
	}
	if group.Region != c.Region {
		return none, noGroup()
	}
	return group, nil
}

func notAGroup() error { return invalid("The ARN does not name a log group.") }

func noGroup() error {
	return awsapi.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
}

func noStream() error {
	return awsapi.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
}

// or404 turns the store's ErrNotFound into the API's error.
func or404(err, missing error) error {
	if errors.Is(err, store.ErrNotFound) {
		return missing
	}
	return err
}

// onGroup needs action on the group that the input names. The resource ends in
// ":*", as policies for CloudWatch Logs are written
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html).
func onGroup[In any](action string, names func(*In) (name, arn *string)) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		name, arn := names(in)
		g, err := parseGroup(c, name, arn)
		if err != nil {
			return nil, err
		}
		need, err := groupNeed(r, action, g)
		return []door.Need{need}, err
	})
}

// onStream needs action on a stream.
func onStream[In any](action string, names func(*In) (name, arn, stream *string)) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		name, arn, stream := names(in)
		g, err := parseGroup(c, name, arn)
		if err != nil {
			return nil, err
		}
		need, err := groupNeed(r, action, g)
		need.Resource = g.streamARN(val(stream))
		return []door.Need{need}, err
	})
}

// groupNeed is action on a group, with its tags; the same for a group that
// does not exist, but for the tags.
func groupNeed(r store.Reader, action string, g groupID) (door.Need, error) {
	need := door.Need{Action: action, Resource: g.arn() + ":*", Account: g.Account, Context: policy.MapContext{}, ResourcePolicy: delivery}
	row, err := groups.Get(r, g.key())
	if errors.Is(err, store.ErrNotFound) {
		return need, nil
	}
	if err != nil {
		return need, err
	}
	addTags(need.Context, "aws:resourcetag/", row.Tags)
	return need, nil
}

func addTags(context policy.MapContext, prefix string, tags map[string]string) {
	for _, key := range keysOf(tags) {
		context[prefix+strings.ToLower(key)] = []string{tags[key]}
	}
}

// keysOf is sorted, so that of two tags that differ in case, which are refused
// only after the request is authorised, the same one counts every time.
func keysOf(tags map[string]string) []string { return slices.Sorted(maps.Keys(tags)) }

// addRequestTags puts the tags that a request sets into a need's context.
func addRequestTags(context policy.MapContext, tags map[string]string) {
	addTags(context, "aws:requesttag/", tags)
	addTagKeys(context, keysOf(tags))
}

func addTagKeys(context policy.MapContext, keys []string) {
	if len(keys) > 0 {
		context["aws:tagkeys"] = keys
	}
}
