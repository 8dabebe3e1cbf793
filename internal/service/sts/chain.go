package sts

import (
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/session"
)

// maxTags is how many session tags there may be.
const maxTags = 50

// describe gives the session its tags and source identity: those asked for and
// those that the calling session passes on, which it cannot change.
func describe(opened *session.Session, caller *door.Principal, in *api.AssumeRoleRequest) error {
	opened.SourceIdentity = awsapi.Val(in.SourceIdentity)
	if caller.SourceIdentity != "" {
		if in.SourceIdentity != nil && *in.SourceIdentity != caller.SourceIdentity {
			return accessDenied("The source identity %s of the calling session cannot be changed.", caller.SourceIdentity)
		}
		opened.SourceIdentity = caller.SourceIdentity
	}
	tags, err := requestedTags(in.Tags)
	if err != nil {
		return err
	}
	if err := inherit(tags, caller); err != nil {
		return err
	}
	if len(tags) > maxTags {
		return validation("The session would have %d tags; it can have %d.", len(tags), maxTags)
	}
	opened.Tags = tags
	opened.TransitiveTags, err = transitive(in.TransitiveTagKeys, in.Tags, caller)
	return err
}

// requestedTags takes the tags of the request, keys told apart without regard
// to case.
func requestedTags(given []*api.Tag) (map[string]string, error) {
	tags, seen := map[string]string{}, map[string]bool{}
	for _, t := range given {
		key := strings.ToLower(awsapi.Val(t.Key))
		if seen[key] {
			return nil, invalidParameter("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if strings.HasPrefix(key, "aws:") {
			return nil, invalidParameter("Tag keys cannot start with 'aws:', which is reserved for AWS use.")
		}
		seen[key] = true
		tags[awsapi.Val(t.Key)] = awsapi.Val(t.Value)
	}
	return tags, nil
}

// inherit adds the transitive tags of the calling session to tags.
func inherit(tags map[string]string, caller *door.Principal) error {
	for _, key := range caller.TransitiveTagKeys {
		for given := range tags {
			if strings.EqualFold(given, key) {
				return invalidParameter("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
			}
		}
	}
	for _, key := range caller.TransitiveTagKeys {
		tags[key] = caller.Tags[key]
	}
	return nil
}

// transitive is which of the session's tags it passes on in its turn: those it
// inherited, and those of the request that the request names.
func transitive(keys []string, given []*api.Tag, caller *door.Principal) ([]string, error) {
	passed := slices.Clone(caller.TransitiveTagKeys)
	for _, key := range keys {
		i := slices.IndexFunc(given, func(t *api.Tag) bool { return strings.EqualFold(awsapi.Val(t.Key), key) })
		if i < 0 {
			return nil, invalidParameter("The specified transitive tag key must be included in the requested tags.")
		}
		if name := awsapi.Val(given[i].Key); !slices.Contains(passed, name) {
			passed = append(passed, name)
		}
	}
	return passed, nil
}
