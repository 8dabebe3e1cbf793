package sts

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door/session"
	"cloister/internal/oidc"
	"cloister/policy"
)

// What may be in a token of what a session keeps
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html:
// the subject has 255 characters at most).
const (
	mostSubject = 255
	mostMethods = 10
	mostMethod  = 64
)

// newWebIdentity decides whether a verified token is good for a provider at a
// time, and what it says.
func newWebIdentity(provider *session.Provider, claims *oidc.Claims, in *api.AssumeRoleWithWebIdentityRequest, now time.Time) (*webIdentity, error) {
	if err := checkClaims(claims, now); err != nil {
		return nil, err
	}
	w := &webIdentity{provider: provider, issuer: claims.Issuer, claims: claims, audience: audienceOf(provider, claims)}
	if len(w.audience) == 0 {
		return nil, invalidToken("Incorrect token audience")
	}
	w.keys = w.conditionKeys()
	var err error
	w.request, err = requestOf(claims, in)
	return w, err
}

func checkClaims(claims *oidc.Claims, now time.Time) error {
	for _, c := range []struct {
		name    string
		missing bool
	}{
		{"sub", claims.Subject == ""}, {"exp", claims.Expires == nil}, {"iat", claims.Issued == nil},
		{"aud", len(claims.Audience) == 0 && claims.AuthorizedParty == ""},
	} {
		if c.missing {
			return invalidToken("Missing a required claim: %s", c.name)
		}
	}
	tooLong := func(method string) bool { return len(method) > mostMethod }
	if len(claims.Subject) > mostSubject || len(claims.Methods) > mostMethods || slices.ContainsFunc(claims.Methods, tooLong) {
		return invalidToken("The subject or the authentication methods of the token are too long")
	}
	switch err := claims.CheckTime(now, clockSkew); {
	case errors.Is(err, oidc.ErrExpired):
		return awsapi.Errorf("ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), int64(*claims.Expires))
	case err != nil:
		return invalidToken("Token is not valid yet")
	}
	return nil
}

// audienceOf is whom a token is for, of those that a provider takes tokens for:
// the authorized party where the token has one, or its audience. Those of identity
// pools are for the pool, which the role's trust policy has to ask for.
func audienceOf(provider *session.Provider, claims *oidc.Claims) []string {
	given := claims.Audience
	if claims.AuthorizedParty != "" {
		given = []string{claims.AuthorizedParty}
	}
	var known []string
	for _, audience := range given {
		if (provider == identityPools || slices.Contains(provider.ClientIDs, audience)) && !slices.Contains(known, audience) {
			known = append(known, audience)
		}
	}
	return known
}

// github is whose tokens say more that conditions can ask for
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html).
const github = "token.actions.githubusercontent.com"

var githubClaims = []string{
	"actor", "actor_id", "job_workflow_ref", "repository", "repository_id", "workflow", "ref", "environment", "enterprise_id",
}

// conditionKeys are the claims as trust policies ask for them: the address of
// the issuer, a colon and a name.
func (w *webIdentity) conditionKeys() policy.MapContext {
	keys, prefix := policy.MapContext{}, w.prefix()
	set := func(name string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			keys[prefix+name] = values
		}
	}
	set("sub", w.claims.Subject)
	set("aud", w.audience...)
	set("oaud", w.claims.Audience...)
	set("amr", w.claims.Methods...)
	set("email", w.claims.Email)
	if w.provider.Address == github {
		for _, name := range githubClaims {
			value, _ := w.claims.Scalar(name)
			set(name, value)
		}
	}
	return keys
}

func (w *webIdentity) prefix() string { return strings.ToLower(w.provider.Address) + ":" }

// lasting are the condition keys that the session goes on to have.
func (w *webIdentity) lasting() map[string][]string {
	keys := maps.Clone(w.keys)
	maps.DeleteFunc(keys, func(key string, _ []string) bool {
		name := strings.TrimPrefix(key, w.prefix())
		return name != "sub" && name != "aud" && name != "amr"
	})
	return keys
}

// The claims that ask for something
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html).
const (
	tagsClaim           = "https://aws.amazon.com/tags"
	flatTagPrefix       = tagsClaim + "/principal_tags/"
	flatTransitiveClaim = tagsClaim + "/transitive_tag_keys"
	sourceIdentityClaim = "https://aws.amazon.com/source_identity"
)

// requestOf is what a token asks for, as AssumeRole is asked, and validated like
// that.
func requestOf(claims *oidc.Claims, in *api.AssumeRoleWithWebIdentityRequest) (*api.AssumeRoleRequest, error) {
	request := &api.AssumeRoleRequest{RoleArn: in.RoleArn, RoleSessionName: in.RoleSessionName}
	if err := readTags(claims, request); err != nil {
		return nil, err
	}
	identity, ok := claims.Texts(sourceIdentityClaim)
	if !ok || len(identity) > 1 {
		return nil, badClaim(sourceIdentityClaim)
	}
	if len(identity) == 1 {
		request.SourceIdentity = &identity[0]
	}
	if err := awsapi.Validate(api.OpAssumeRole.Operation, request); err != nil {
		return nil, invalidToken("The tags or the source identity of the token are not valid")
	}
	return request, nil
}

// readTags reads the session tags of a token, nested in one claim or flat in
// several.
func readTags(claims *oidc.Claims, request *api.AssumeRoleRequest) error {
	var nested struct {
		Tags       map[string]oidc.Texts `json:"principal_tags"`
		Transitive []string              `json:"transitive_tag_keys"`
	}
	if !claims.Object(tagsClaim, &nested) {
		return badClaim(tagsClaim)
	}
	tags := map[string][]string{}
	for key, values := range nested.Tags {
		tags[key] = values
	}
	for _, name := range claims.Names(flatTagPrefix) {
		values, ok := claims.Texts(name)
		key := strings.TrimPrefix(name, flatTagPrefix)
		if _, twice := tags[key]; !ok || twice {
			return badClaim(name)
		}
		tags[key] = values
	}
	flat, ok := claims.Texts(flatTransitiveClaim)
	if !ok {
		return badClaim(flatTransitiveClaim)
	}
	request.TransitiveTagKeys = append(nested.Transitive, flat...)
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if len(tags[key]) != 1 {
			return badClaim(tagsClaim)
		}
		request.Tags = append(request.Tags, &api.Tag{Key: &key, Value: &tags[key][0]})
	}
	return nil
}

func badClaim(name string) error {
	return invalidToken("The claim %.300s of the token is malformed", name)
}
