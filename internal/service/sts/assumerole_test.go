package sts

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	iamapi "cloister/internal/awsapi/iam"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
)

func TestAssumedRole(t *testing.T) {
	h := newHarness(t)
	alice := h.user("alice", mayAssume)
	arn := h.role("fn", trustAccount, func(in *iamapi.CreateRoleRequest) { in.Path = aws.String("/service/") })
	h.rolePolicy("fn", mayIAM)
	out := h.assume(alice, arn)
	user := out.AssumedRoleUser
	if *user.Arn != "arn:aws:sts::123456789012:assumed-role/fn/session" || !strings.HasPrefix(*user.AssumedRoleId, "AROA") || !strings.HasSuffix(*user.AssumedRoleId, ":session") {
		t.Errorf("the session is %s, %s", *user.Arn, *user.AssumedRoleId)
	}
	if !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") || packed(out) != nil {
		t.Errorf("access key %s, packed %v", *out.Credentials.AccessKeyId, packed(out))
	}
	if left := time.Until(*out.Credentials.Expiration); left > time.Hour || left < 59*time.Minute {
		t.Errorf("expires in %v", left)
	}
	if me := h.whoami(h.in(out.Credentials)); *me.Arn != *user.Arn || *me.UserId != *user.AssumedRoleId {
		t.Errorf("the session calls as %s, %s", *me.Arn, *me.UserId)
	}
	if !h.mayList(out.Credentials) {
		t.Error("the session may not do what its role may")
	}
}

// Who may assume: by trust policy and the caller's own policies. A role that
// does not exist is refused in the same words.
func TestWhoMayAssume(t *testing.T) {
	h := newHarness(t)
	trust := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}}`
	}
	account := h.role("account", trustAccount)
	service := h.role("service", trust(`{"Service":"lambda.amazonaws.com"}`))
	permitted, plain := h.user("permitted", mayAssume), h.user("nobody", "")
	named := h.role("named", trust(`{"AWS":["arn:aws:iam::123456789012:user/nobody"]}`))

	h.assume(permitted, account)
	h.refused("AccessDenied", plain, account)
	h.refused("AccessDenied", permitted, service)
	h.refused("AccessDenied", permitted, named)
	h.assume(plain, named)

	untrusting := h.refused("AccessDenied", permitted, service)
	absent := h.refused("AccessDenied", permitted, "arn:aws:iam::123456789012:role/servicX")
	if strings.ReplaceAll(absent, "servicX", "service") != untrusting {
		t.Errorf("a role that does not exist shows:\n%s\n%s", untrusting, absent)
	}
	for _, arn := range []string{
		"arn:aws:iam::999999999999:role/account", "arn:aws:iam::123456789012:user/permitted",
		"arn:aws:iam::123456789012:role/other/account", "arn:aws:iam::123456789012:role/ACCOUNT", "arn:aws:iam::123456789012:role/", "not an arn of any kind",
	} {
		h.refused("AccessDenied", permitted, arn)
	}
	if got := h.refused("AccessDenied", h.root(), account); got != "Roles may not be assumed by root accounts." {
		t.Errorf("root is refused with %q", got)
	}
	// A trust policy counts as soon as it is changed.
	do(h, iamapi.OpUpdateAssumeRolePolicy, &iamapi.UpdateAssumeRolePolicyRequest{RoleName: aws.String("account"), PolicyDocument: aws.String(trust(`{"Service":"lambda.amazonaws.com"}`))})
	h.refused("AccessDenied", permitted, account)
}

// A trust policy means the very user or role that it names: it follows a new
// name, and does not fall to whoever is made under the old one.
func TestTrustIsBoundToWhoItNames(t *testing.T) {
	h := newHarness(t)
	trust := func(arn string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"sts:AssumeRole"}}`
	}
	alice := h.user("alice", "")
	byUser := h.role("by-user", trust("arn:aws:iam::123456789012:user/alice"))
	h.assume(alice, byUser)
	do(h, iamapi.OpUpdateUser, &iamapi.UpdateUserRequest{UserName: aws.String("alice"), NewUserName: aws.String("alicia")})
	h.assume(alice, byUser)
	h.refused("AccessDenied", h.user("alice", ""), byUser)

	middle := h.role("middle", trust("123456789012"))
	byRole := h.role("by-role", trust(middle))
	permitted := h.user("permitted", mayAssume)
	session := h.in(h.assume(permitted, middle).Credentials)
	h.assume(session, byRole)
	do(h, iamapi.OpDeleteRole, &iamapi.DeleteRoleRequest{RoleName: aws.String("middle")})
	h.role("middle", trust("123456789012"))
	h.refused("AccessDenied", h.in(h.assume(permitted, middle).Credentials), byRole)
}

func TestServiceAssumesForItsSource(t *testing.T) {
	h := newHarness(t)
	arn := h.role("fn", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole",
		"Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"},"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:*:function:good"}}}}`)
	call := func(service, function, account string) error {
		p := door.ServicePrincipal(service, "arn:aws:lambda:us-east-1:123456789012:function:"+function, account)
		_, err := door.Do(context.Background(), h.Door, p, api.OpAssumeRole, &api.AssumeRoleRequest{RoleArn: &arn, RoleSessionName: &function})
		return err
	}
	if err := call("lambda.amazonaws.com", "good", "123456789012"); err != nil {
		t.Error(err)
	}
	for _, c := range [][3]string{
		{"events.amazonaws.com", "good", "123456789012"},
		{"lambda.amazonaws.com", "evil", "123456789012"},
		{"lambda.amazonaws.com", "good", "999999999999"},
	} {
		if err := call(c[0], c[1], c[2]); err == nil {
			t.Errorf("%v may assume the role", c)
		}
	}
}

func TestConditionsOfAssumeRole(t *testing.T) {
	h := newHarness(t)
	alice := h.user("alice", mayAssume)
	condition := func(text string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:*","Condition":` + text + `}}`
	}
	type input = func(*sdk.AssumeRoleInput)
	tag := func(k, v string) input {
		return func(in *sdk.AssumeRoleInput) { in.Tags = append(in.Tags, types.Tag{Key: &k, Value: &v}) }
	}
	externalID := func(id string) input { return func(in *sdk.AssumeRoleInput) { in.ExternalId = &id } }
	source := func(id string) input { return func(in *sdk.AssumeRoleInput) { in.SourceIdentity = &id } }
	for i, c := range []struct {
		condition string
		yes, no   []input
	}{
		{`{"StringEquals":{"sts:ExternalId":"secret"}}`, []input{externalID("secret")}, []input{externalID("other")}},
		{`{"StringEquals":{"sts:ExternalId":"secret"}}`, []input{externalID("secret")}, nil},
		{`{"StringEquals":{"sts:RoleSessionName":"session"}}`, nil, []input{func(in *sdk.AssumeRoleInput) { in.RoleSessionName = aws.String("other") }}},
		{`{"StringEquals":{"sts:SourceIdentity":"alice"}}`, []input{source("alice")}, []input{source("bob")}},
		{`{"StringEquals":{"aws:RequestTag/Team":"red"}}`, []input{tag("team", "red")}, []input{tag("team", "blue")}},
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`, []input{tag("a", "1")}, []input{tag("a", "1"), tag("c", "1")}},
		{`{"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":["a"]}}`,
			[]input{tag("a", "1"), func(in *sdk.AssumeRoleInput) { in.TransitiveTagKeys = []string{"a"} }},
			[]input{tag("b", "1"), func(in *sdk.AssumeRoleInput) { in.TransitiveTagKeys = []string{"b"} }}},
		{`{"StringEquals":{"aws:ResourceTag/open":"yes"}}`, nil, []input{func(in *sdk.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:role/none") }}},
	} {
		arn := h.role("r"+string(rune('a'+i)), condition(c.condition), func(in *iamapi.CreateRoleRequest) {
			in.Tags = []*iamapi.Tag{{Key: aws.String("Open"), Value: aws.String("yes")}}
		})
		if _, err := assume(alice, arn, c.yes...); err != nil {
			t.Errorf("%s: %v", c.condition, err)
		}
		h.refused("AccessDenied", alice, arn, c.no...)
	}
}

// Tags and a source identity need permissions of their own.
func TestTagsNeedTheirOwnPermission(t *testing.T) {
	h := newHarness(t)
	arn := h.role("r", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`)
	alice := h.user("alice", mayAssume)
	h.assume(alice, arn)
	message := h.refused("AccessDenied", alice, arn, func(in *sdk.AssumeRoleInput) { in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}} })
	if !strings.Contains(message, "sts:TagSession") {
		t.Error(message)
	}
	message = h.refused("AccessDenied", alice, arn, func(in *sdk.AssumeRoleInput) { in.SourceIdentity = aws.String("alice") })
	if !strings.Contains(message, "sts:SetSourceIdentity") {
		t.Error(message)
	}
}

func TestDuration(t *testing.T) {
	h := newHarness(t)
	alice := h.user("alice", mayAssume)
	long := h.role("long", trustAccount, func(in *iamapi.CreateRoleRequest) { in.MaxSessionDuration = aws.Int64(7200) })
	h.rolePolicy("long", mayAssume)
	seconds := func(n int32) func(*sdk.AssumeRoleInput) {
		return func(in *sdk.AssumeRoleInput) { in.DurationSeconds = &n }
	}
	out := h.assume(alice, long, seconds(7200))
	if left := time.Until(*out.Credentials.Expiration); left < 7100*time.Second {
		t.Errorf("lasts %v", left)
	}
	h.refused("ValidationError", alice, long, seconds(7201))
	h.refused("ValidationError", alice, long, seconds(899))
	h.refused("ValidationError", alice, long, seconds(43201))
	chained := h.in(out.Credentials)
	h.assume(chained, long, seconds(3600))
	h.refused("ValidationError", chained, long, seconds(3601))
}

func TestSessionPolicies(t *testing.T) {
	h := newHarness(t)
	alice := h.user("alice", mayAssume)
	arn := h.role("r", trustAccount)
	h.rolePolicy("r", mayIAM)
	with := func(document string, arns ...string) func(*sdk.AssumeRoleInput) {
		return func(in *sdk.AssumeRoleInput) {
			if document != "" {
				in.Policy = &document
			}
			for _, a := range arns {
				in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: &a})
			}
		}
	}
	full, reading := "arn:aws:iam::aws:policy/IAMFullAccess", "arn:aws:iam::aws:policy/service-role/AWSLambdaRole"
	for _, c := range []struct {
		change  func(*sdk.AssumeRoleInput)
		allowed bool
	}{
		{with(""), true}, {with(mayAll), true}, {with(mayGet), false},
		{with("", full), true}, {with("", reading), false}, {with(mayGet, full), true},
	} {
		out := h.assume(alice, arn, c.change)
		if h.mayList(out.Credentials) != c.allowed {
			t.Errorf("a session of %v", out.AssumedRoleUser)
		}
	}
	if size := packed(h.assume(alice, arn, with(mayGet))); size == nil || *size < 1 || *size > 100 {
		t.Errorf("packed %v", size)
	}
	h.refused("MalformedPolicyDocument", alice, arn, with(`{"Version":"2012-10-17","Statement":[}`))
	h.refused("PackedPolicyTooLarge", alice, arn, with(mayGet+strings.Repeat(" ", 2048)))
	h.refused("ValidationError", alice, arn, with("", "arn:aws:iam::123456789012:policy/none"))
	h.refused("ValidationError", alice, arn, with("", "arn:aws:iam::999999999999:policy/other"))
	h.refused("ValidationError", alice, arn, with("", full, full, full, full, full, full, full, full, full, full, full))
}

func TestChainOfRoles(t *testing.T) {
	h := newHarness(t)
	alice := h.user("alice", mayAssume)
	first, second := h.role("first", trustAccount), h.role("second", trustAccount)
	h.rolePolicy("first", mayAssume)
	tags := func(transitive []string, pairs ...string) func(*sdk.AssumeRoleInput) {
		return func(in *sdk.AssumeRoleInput) {
			for i := 0; i < len(pairs); i += 2 {
				in.Tags = append(in.Tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
			}
			in.TransitiveTagKeys = transitive
		}
	}
	out := h.assume(alice, first, tags([]string{"Team"}, "team", "red", "own", "x"), func(in *sdk.AssumeRoleInput) { in.SourceIdentity = aws.String("alice") })
	if *out.SourceIdentity != "alice" {
		t.Errorf("source identity %v", out.SourceIdentity)
	}
	chained := h.in(out.Credentials)
	next := h.assume(chained, second, tags(nil, "own", "y"))
	if next.SourceIdentity == nil || *next.SourceIdentity != "alice" {
		t.Error("the chain lost its source identity")
	}
	found, err := h.iam.Credential(context.Background(), *next.Credentials.AccessKeyId, *next.Credentials.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	if got := found.Principal.Tags; len(got) != 2 || got["team"] != "red" || got["own"] != "y" {
		t.Errorf("the second session has the tags %v", got)
	}
	h.refused("InvalidParameterValue", chained, second, tags(nil, "TEAM", "blue"))
	h.refused("AccessDenied", chained, second, func(in *sdk.AssumeRoleInput) { in.SourceIdentity = aws.String("bob") })
	h.refused("InvalidParameterValue", alice, first, tags([]string{"other"}, "team", "red"))
	h.refused("InvalidParameterValue", alice, first, tags(nil, "team", "red", "TEAM", "blue"))
	h.refused("InvalidParameterValue", alice, first, tags(nil, "aws:x", "red"))
	// What a session inherits needs the permission to tag as well.
	h.rolePolicy("first", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity"],"Resource":"*"}}`)
	h.refused("AccessDenied", chained, second)
}

// Tokens changed on the way are refused by the door.
func TestChangedTokenIsRefused(t *testing.T) {
	h := newHarness(t)
	c := h.assume(h.user("alice", mayAssume), h.role("r", trustAccount)).Credentials
	changed := *c
	changed.SessionToken = aws.String((*c.SessionToken)[:100] + "A" + (*c.SessionToken)[101:])
	if *changed.SessionToken == *c.SessionToken {
		changed.SessionToken = aws.String((*c.SessionToken)[:100] + "B" + (*c.SessionToken)[101:])
	}
	_, err := h.in(&changed).GetCallerIdentity(context.Background(), nil)
	h.wantCode("InvalidClientTokenId", err)
	changed = *c
	changed.SecretAccessKey = aws.String(strings.Repeat("x", 40))
	_, err = h.in(&changed).GetCallerIdentity(context.Background(), nil)
	h.wantCode("SignatureDoesNotMatch", err)
	h.whoami(h.in(c))
}

// packed is the answer's packed size, for which the SDK knows a newer member
// that AWS's published models lack.
func packed(out *sdk.AssumeRoleOutput) *int32 {
	return out.PackedPolicySize //lint:ignore SA1019 the newer member is not in the models
}
