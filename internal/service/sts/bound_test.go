package sts

import (
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
)

const trustLambda = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","events.amazonaws.com"]},"Action":"sts:AssumeRole"},
	{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}`

// What Lambda takes for a function works in the function's cells, and so does
// every session that is taken with it.
func TestSessionsOfFunctionsAreBound(t *testing.T) {
	const function = "arn:aws:lambda:us-east-1:123456789012:function:f"
	h := newHarness(t)
	first, second := h.role("first", trustLambda), h.role("second", trustLambda)
	h.rolePolicy("first", mayAssume)
	assume := func(as *door.Principal, role string) *door.Principal {
		t.Helper()
		out, err := door.Do(t.Context(), h.Door, as, api.OpAssumeRole, &api.AssumeRoleRequest{RoleArn: &role, RoleSessionName: awsapi.Ptr("s-1")})
		if err != nil {
			t.Fatal(err)
		}
		p, err := h.Door.Session(t.Context(), *out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ofFunction := assume(door.ServicePrincipal("lambda.amazonaws.com", function, "123456789012"), first)
	if ofFunction.Cell != function {
		t.Errorf("a function's session is bound to %q", ofFunction.Cell)
	}
	if derived := assume(ofFunction, second); derived.Cell != function {
		t.Errorf("a session taken with it is bound to %q", derived.Cell)
	}
	if free := assume(door.ServicePrincipal("events.amazonaws.com", "arn:aws:events:us-east-1:123456789012:rule/r", "123456789012"), first); free.Cell != "" {
		t.Errorf("another service's session is bound to %q", free.Cell)
	}
}
