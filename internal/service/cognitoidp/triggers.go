package cognitoidp

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"cloister/internal/awsapi"
	lambda "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
)

// triggerTime is how long a trigger may take
// (https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html).
const triggerTime = 5 * time.Second

// event is what a trigger gets, and gives back with its response filled in.
type event struct {
	Version       string         `json:"version"`
	TriggerSource string         `json:"triggerSource"`
	Region        string         `json:"region"`
	UserPoolID    string         `json:"userPoolId"`
	UserName      string         `json:"userName,omitempty"`
	CallerContext callerContext  `json:"callerContext"`
	Request       map[string]any `json:"request"`
	Response      any            `json:"response"`
}

type callerContext struct {
	SDK      string `json:"awsSdkVersion"`
	ClientID string `json:"clientId"`
}

// principal is who calls the functions of a pool: their policies let it in.
func (p *pool) principal() *door.Principal {
	return door.ServicePrincipal("cognito-idp.amazonaws.com", p.arn(), p.Account)
}

// trigger has a function say what it says of an event, and reads its response.
// name is that of the trigger in errors. response is what the function gets, and
// what it changes.
func (s *Service) trigger(c *door.Call, p *pool, arn *string, name string, e *event, response any) error {
	if arn == nil {
		return nil
	}
	if e.Version == "" {
		e.Version = "1"
	}
	e.Region, e.UserPoolID, e.Response = p.Region, p.ID, response
	e.CallerContext.SDK = "aws-sdk-unknown-unknown"
	payload, err := json.Marshal(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c, triggerTime)
	defer cancel()
	out, err := door.Do(ctx, s.door, p.principal(), lambda.OpInvoke, &lambda.InvocationRequest{FunctionName: arn, Payload: payload})
	if err != nil {
		return triggerFailed(ctx, name, err)
	}
	if val(out.FunctionError) != "" {
		var failed struct{ ErrorMessage string }
		_ = json.Unmarshal(out.Payload, &failed)
		return awsapi.Errorf("UserLambdaValidationException", "%s failed with error %s.", name, strings.TrimSuffix(failed.ErrorMessage, "."))
	}
	answer := struct {
		Response any `json:"response"`
	}{response}
	var shape map[string]json.RawMessage
	if json.Unmarshal(out.Payload, &shape) != nil || shape == nil || json.Unmarshal(out.Payload, &answer) != nil {
		return awsapi.Errorf("InvalidLambdaResponseException", "Unrecognizable lambda output")
	}
	return nil
}

// triggerFailed is what a caller is told of a function that could not be asked:
// nothing of why.
func triggerFailed(ctx context.Context, name string, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return awsapi.Errorf("UserLambdaValidationException", "%s failed with error Task timed out after %d seconds.", name, triggerTime/time.Second)
	}
	code := "ServiceException"
	var wire *awsapi.Error
	if errors.As(err, &wire) {
		code = wire.Code
	}
	slog.Warn("a trigger of a user pool could not be invoked", "trigger", name, "error", err)
	return awsapi.Errorf("UnexpectedLambdaException", "%s invocation failed due to error %s.", name, code)
}

// attributesFor is a user's attributes as triggers get them.
func (u *user) attributesFor() map[string]any {
	all := map[string]any{}
	for name, value := range u.Attributes {
		all[name] = value
	}
	if u.Sub != "" {
		all["sub"] = u.Sub
		all["cognito:user_status"] = u.Status
	}
	return all
}

func eventFor(source string, cl *client, u *user, metadata map[string]string, more map[string]any) *event {
	request := map[string]any{"userAttributes": u.attributesFor()}
	if metadata != nil {
		request["clientMetadata"] = metadata
	}
	maps.Copy(request, more)
	e := &event{TriggerSource: source, UserName: u.Name, Request: request}
	if cl != nil {
		e.CallerContext.ClientID = cl.ID
	}
	return e
}

// signUpAnswer is what the function before a sign-up decides.
type signUpAnswer struct {
	AutoConfirmUser bool `json:"autoConfirmUser"`
	AutoVerifyEmail bool `json:"autoVerifyEmail"`
	AutoVerifyPhone bool `json:"autoVerifyPhone"`
}

func (s *Service) preSignUp(c *door.Call, p *pool, cl *client, u *user, source string, validation, metadata map[string]string) (answer signUpAnswer, err error) {
	more := map[string]any{"validationData": validation, "userAttributes": u.Attributes} // there is no user yet
	err = s.trigger(c, p, p.Spec.LambdaConfig.PreSignUp, "PreSignUp", eventFor(source, cl, u, metadata, more), &answer)
	return answer, err
}

func (s *Service) postConfirmation(c *door.Call, p *pool, cl *client, u *user, source string, metadata map[string]string) error {
	var nothing struct{}
	return s.trigger(c, p, p.Spec.LambdaConfig.PostConfirmation, "PostConfirmation", eventFor(source, cl, u, metadata, nil), &nothing)
}

func (s *Service) preAuthentication(c *door.Call, p *pool, cl *client, u *user, metadata map[string]string, missing bool) error {
	var nothing struct{}
	e := eventFor("PreAuthentication_Authentication", cl, u, nil, map[string]any{"validationData": metadata, "userNotFound": missing})
	return s.trigger(c, p, p.Spec.LambdaConfig.PreAuthentication, "PreAuthentication", e, &nothing)
}

func (s *Service) postAuthentication(c *door.Call, p *pool, cl *client, u *user, metadata map[string]string) error {
	var nothing struct{}
	e := eventFor("PostAuthentication_Authentication", cl, u, metadata, map[string]any{"newDeviceUsed": false})
	return s.trigger(c, p, p.Spec.LambdaConfig.PostAuthentication, "PostAuthentication", e, &nothing)
}

// groupOverride is what a function before tokens says of groups.
type groupOverride struct {
	Groups    *[]string `json:"groupsToOverride"`
	Roles     *[]string `json:"iamRolesToOverride"`
	Preferred *string   `json:"preferredRole"`
}

type claimChanges struct {
	Add            map[string]any `json:"claimsToAddOrOverride"`
	Suppress       []string       `json:"claimsToSuppress"`
	AddScopes      []string       `json:"scopesToAdd"`
	SuppressScopes []string       `json:"scopesToSuppress"`
}

// beforeTokens asks the function that changes what tokens say.
func (s *Service) beforeTokens(c *door.Call, in *signIn, i *issuing) error {
	arn := in.p.Spec.LambdaConfig.PreTokenGeneration
	if arn == nil {
		return nil
	}
	e := eventFor(in.source, in.client, in.u, in.metadata, map[string]any{"groupConfiguration": map[string]any{
		"groupsToOverride": i.groups, "iamRolesToOverride": i.roles, "preferredRole": some(i.preferred),
	}})
	if v := in.p.Spec.LambdaConfig.PreTokenGenerationConfig; v != nil && val(v.LambdaVersion) != "V1_0" {
		e.Version, e.Request["scopes"] = strings.TrimSuffix(strings.TrimPrefix(val(v.LambdaVersion), "V"), "_0"), i.scopes
		return s.changeClaims2(c, in, i, e)
	}
	var answer struct {
		Details *struct {
			Add      map[string]string `json:"claimsToAddOrOverride"`
			Suppress []string          `json:"claimsToSuppress"`
			Groups   *groupOverride    `json:"groupOverrideDetails"`
		} `json:"claimsOverrideDetails"`
	}
	if err := s.trigger(c, in.p, arn, "PreTokenGeneration", e, &answer); err != nil || answer.Details == nil {
		return err
	}
	i.addID = map[string]any{}
	for name, value := range answer.Details.Add {
		i.addID[name] = value
	}
	i.suppressID = answer.Details.Suppress
	i.override(answer.Details.Groups)
	return nil
}

func (s *Service) changeClaims2(c *door.Call, in *signIn, i *issuing, e *event) error {
	var answer struct {
		Details *struct {
			ID     *claimChanges  `json:"idTokenGeneration"`
			Access *claimChanges  `json:"accessTokenGeneration"`
			Groups *groupOverride `json:"groupOverrideDetails"`
		} `json:"claimsAndScopeOverrideDetails"`
	}
	err := s.trigger(c, in.p, in.p.Spec.LambdaConfig.PreTokenGeneration, "PreTokenGeneration", e, &answer)
	if err != nil || answer.Details == nil {
		return err
	}
	if d := answer.Details.ID; d != nil {
		i.addID, i.suppressID = d.Add, d.Suppress
	}
	if d := answer.Details.Access; d != nil {
		i.addAccess, i.suppressAccess = d.Add, d.Suppress
		scopes := []string{}
		for _, one := range append(append([]string{}, i.scopes...), d.AddScopes...) {
			if !containsText(d.SuppressScopes, one) && !containsText(scopes, one) && one != "" && !strings.ContainsAny(one, " \t\r\n") {
				scopes = append(scopes, one)
			}
		}
		i.scopes = scopes
	}
	i.override(answer.Details.Groups)
	return nil
}

// override replaces the groups and roles that tokens name. Roles that are none
// of the user's groups' are not taken: a function adds no role.
func (i *issuing) override(o *groupOverride) {
	if o == nil {
		return
	}
	if o.Groups != nil {
		i.groups = *o.Groups
	}
	own := i.roles
	if o.Roles != nil {
		i.roles = slices.DeleteFunc(slices.Clone(*o.Roles), func(role string) bool { return !slices.Contains(own, role) })
	}
	if o.Preferred != nil && (*o.Preferred == "" || slices.Contains(own, *o.Preferred)) {
		i.preferred = *o.Preferred
	}
}
