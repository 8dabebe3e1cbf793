package door

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	"cloister/policy"
)

// at is the time of every call here.
var at = time.Date(2026, 3, 4, 5, 6, 7, 8, time.FixedZone("CET", 3600))

func operationOf(service string) *awsapi.Operation {
	return &awsapi.Operation{Name: "Op", Service: &awsapi.Service{Name: service}}
}

// callers are calls as each kind of caller makes them.
func callers() map[string]*Call {
	user := &Principal{Principal: policy.Principal{Kind: policy.PrincipalUser, ARN: "arn:aws:iam::1:user/u", Account: "1", UserID: "AIDAU"},
		Name: "u", Tags: map[string]string{"Team": "blue"}}
	role := &Principal{Principal: policy.Principal{Kind: policy.PrincipalAssumedRole, ARN: "arn:aws:sts::1:assumed-role/r/s",
		RoleARN: "arn:aws:iam::1:role/r", Account: "1", UserID: "AROAR:s"}, Name: "s", IssuedAt: at, MFA: true, SourceIdentity: "alice"}
	root := &Principal{Principal: policy.Principal{Kind: policy.PrincipalRoot, ARN: "arn:aws:iam::1:root", Account: "1", UserID: "1"}}
	federated := &Principal{Principal: policy.Principal{Kind: policy.PrincipalFederatedUser, ARN: "arn:aws:sts::1:federated-user/f", RoleARN: "arn:aws:iam::1:user/u", Account: "1", UserID: "1:f"}, IssuedAt: at}
	web := &Principal{Principal: policy.Principal{Kind: policy.PrincipalFederated, Provider: "idp"}}
	session := &Principal{Principal: role.Principal, Federation: &Federation{Provider: "idp", Keys: policy.MapContext{"idp:sub": {"me"}}}}
	service := ServicePrincipal("events.amazonaws.com", "arn:aws:events:us-east-1:2:rule/x", "2")

	d := &Door{region: "us-east-1", organizations: memberOf{}, now: func() time.Time { return at }}
	wire := func(p *Principal) *Call {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("User-Agent", "agent/1")
		r.Header.Set("Referer", "https://example.org/")
		c := d.wireCall(r)
		c.Principal, c.Account, c.Operation = p, accountOf(p), operationOf("lambda")
		return c
	}
	first := wire(user)
	second := d.internalCall(first, user, operationOf("logs"))
	return map[string]*Call{
		"web identity": wire(web), "its session": wire(session),
		"user": first, "role": wire(role), "root": wire(root), "federated": wire(federated), "anonymous": wire(anonymous),
		"service":         d.internalCall(context.Background(), service, operationOf("sts")),
		"forwarded":       second,
		"forwarded twice": d.internalCall(second, user, operationOf("sts")),
		"role in a call":  d.internalCall(first, role, operationOf("sts")),
	}
}

// What each key says of each caller; "-" is for a key that is absent.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
var keys = map[string]map[string]string{
	"aws:currenttime":            {"user": "2026-03-04T04:06:07Z", "service": "2026-03-04T04:06:07Z"},
	"aws:epochtime":              {"user": "1772597167"},
	"aws:sourceip":               {"user": "192.0.2.1", "service": "-", "forwarded": "192.0.2.1"},
	"aws:useragent":              {"user": "agent/1", "service": "-", "forwarded": "agent/1"},
	"aws:referer":                {"user": "https://example.org/", "service": "-", "forwarded": "-"},
	"aws:securetransport":        {"user": "false", "service": "true", "forwarded": "true"},
	"aws:requestedregion":        {"user": "us-east-1", "forwarded": "us-east-1"},
	"aws:resourceaccount":        {"user": "9"},
	"aws:viaawsservice":          {"user": "false", "service": "false", "forwarded": "true", "role in a call": "false"},
	"aws:calledvia":              {"user": "-", "service": "-", "forwarded": "lambda.amazonaws.com", "forwarded twice": "lambda.amazonaws.com logs.amazonaws.com", "role in a call": "-"},
	"aws:calledviafirst":         {"user": "-", "forwarded": "lambda.amazonaws.com", "forwarded twice": "lambda.amazonaws.com"},
	"aws:calledvialast":          {"user": "-", "forwarded": "lambda.amazonaws.com", "forwarded twice": "logs.amazonaws.com"},
	"aws:principalisawsservice":  {"user": "false", "service": "true", "anonymous": "false"},
	"aws:principalservicename":   {"user": "-", "service": "events.amazonaws.com"},
	"aws:sourcearn":              {"user": "-", "service": "arn:aws:events:us-east-1:2:rule/x"},
	"aws:sourceaccount":          {"user": "-", "service": "2"},
	"aws:principaltype":          {"user": "User", "role": "AssumedRole", "root": "Account", "federated": "FederatedUser", "anonymous": "Anonymous", "service": "AWSService", "web identity": "-"},
	"aws:principalarn":           {"user": "arn:aws:iam::1:user/u", "role": "arn:aws:iam::1:role/r", "root": "arn:aws:iam::1:root", "federated": "arn:aws:sts::1:federated-user/f", "anonymous": "-", "service": "-"},
	"aws:principalaccount":       {"user": "1", "role": "1", "anonymous": "-", "service": "-"},
	"aws:userid":                 {"user": "AIDAU", "role": "AROAR:s", "root": "1", "anonymous": "-", "service": "-"},
	"aws:username":               {"user": "u", "role": "-", "root": "-", "federated": "-", "service": "-"},
	"aws:tokenissuetime":         {"user": "-", "role": "2026-03-04T04:06:07Z"},
	"aws:multifactorauthpresent": {"user": "-", "role": "true", "federated": "false"},
	"aws:multifactorauthage":     {"user": "-", "role": "0", "federated": "-"},
	"aws:sourceidentity":         {"user": "-", "role": "alice", "service": "-"},
	"aws:principaltag/":          {"user": "-"},

	"aws:principalservicenameslist": {"user": "-", "service": "events.amazonaws.com"},
	"aws:principalorgid":            {"user": "o-1", "role": "o-1", "anonymous": "-", "service": "-"},
	"aws:principalorgpaths":         {"user": "o-1/r-1/ou-1/", "root": "o-1/r-1/ou-1/", "anonymous": "-", "service": "-"},
	"aws:resourceorgid":             {"user": "o-9", "anonymous": "o-9", "service": "o-9"},
	"aws:resourceorgpaths":          {"user": "o-9/r-9/ou-9/", "service": "o-9/r-9/ou-9/"},
	"aws:sourceorgid":               {"user": "-", "service": "o-2"},
	"aws:sourceorgpaths":            {"user": "-", "service": "o-2/r-2/ou-2/"},

	"aws:principaltag/team": {"user": "blue", "role": "-"},
	"lambda:key":            {"user": "a b"},
	"lambda:empty":          {"user": ""},
	"aws:federatedprovider": {"user": "-", "role": "-", "web identity": "idp", "its session": "idp"},
	"idp:sub":               {"user": "-", "web identity": "-", "its session": "me"},
	"aws:unheardof":         {"user": "-"},
}

// memberOf has each account in an organisation of its own.
type memberOf struct{}

func (memberOf) Of(account string) (*Membership, error) {
	return &Membership{Account: account, Exists: true, Organization: "o-" + account, Path: "o-" + account + "/r-" + account + "/ou-" + account + "/"}, nil
}

func keysOf(t *testing.T, c *Call, need *Need) *conditions {
	t.Helper()
	s, err := c.door.sides(c.Principal, need.owner(c.Account))
	if err != nil {
		t.Fatal(err)
	}
	return c.keys(need, s)
}

func TestConditionKeys(t *testing.T) {
	calls := callers()
	need := &Need{Account: "9", Context: policy.MapContext{"lambda:key": {"a", "b"}, "lambda:empty": {}}}
	for key, wants := range keys {
		for caller, want := range wants {
			k := keysOf(t, calls[caller], need)
			values, ok := k.Values(key)
			got := strings.Join(values, " ")
			if !ok {
				got = "-"
			}
			if got != want {
				t.Errorf("%s of %s is %q, not %q", key, caller, got, want)
			}
		}
	}
}

// Every key that the source names is in the table.
func TestEveryConditionKey(t *testing.T) {
	var source []byte
	for _, name := range []string{"conditions.go", "organization.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	found := regexp.MustCompile(`"(aws:[a-z]+/?)"`).FindAllSubmatch(source, -1)
	if len(found) < 20 {
		t.Fatalf("only %d keys are found in the source", len(found))
	}
	for _, match := range found {
		if _, ok := keys[string(match[1])]; !ok {
			t.Errorf("%s is not tested", match[1])
		}
	}
}

// The audit record of a denial has every key but those that it has elsewhere.
func TestEveryConditionKeyIsRecorded(t *testing.T) {
	elsewhere := []string{"aws:currenttime", "aws:epochtime", "aws:sourceip", "aws:useragent", "aws:referer"}
	need := &Need{Account: "9", Context: policy.MapContext{"lambda:key": {"a", "b"}}}
	for caller, call := range callers() {
		k := keysOf(t, call, need)
		recorded := k.all()
		for key := range keys {
			values, ok := k.Values(key)
			if !ok || slices.Contains(elsewhere, key) {
				continue
			}
			if !slices.Equal(recorded[key], values) {
				t.Errorf("%s of %s is %q, recorded %q", key, caller, values, recorded[key])
			}
		}
	}
}

// A need's own key wins: a service that knows better says so.
func TestNeedsOwnKeys(t *testing.T) {
	k := &conditions{call: callers()["user"], need: &Need{Context: policy.MapContext{"aws:sourceip": {"10.0.0.1"}}}}
	if values, _ := k.Values("aws:sourceip"); !slices.Equal(values, []string{"10.0.0.1"}) {
		t.Errorf("%q", values)
	}
}

func TestSecureTransport(t *testing.T) {
	d := &Door{now: time.Now}
	plain := httptest.NewRequest("GET", "/", nil)
	encrypted := httptest.NewRequest("GET", "/", nil)
	encrypted.TLS = &tls.ConnectionState{}
	for request, want := range map[*http.Request]bool{
		plain: false, encrypted: true, plain.WithContext(WithinPlatform(context.Background(), Inside{From: "arn"})): true,
	} {
		if got := d.wireCall(request).Secure; got != want {
			t.Errorf("secure: %t, not %t", got, want)
		}
	}
}

// What comes from a cell has no address, which the function in it could choose.
func TestCellsHaveNoAddress(t *testing.T) {
	d := &Door{now: time.Now}
	outside := httptest.NewRequest("GET", "/", nil)
	inside := outside.WithContext(WithinPlatform(context.Background(), Inside{From: "arn:aws:lambda:us-east-1:123456789012:function:f:1"}))
	for _, c := range []struct {
		request  *http.Request
		ip, cell string
	}{
		{outside, "192.0.2.1", ""},
		{inside, "", "arn:aws:lambda:us-east-1:123456789012:function:f:1"},
	} {
		call := d.wireCall(c.request)
		values, has := (&conditions{call: call, need: &Need{}}).Values("aws:sourceip")
		if has != (c.ip != "") || has && values[0] != c.ip {
			t.Errorf("aws:SourceIp is %q, %t", values, has)
		}
		if rec := record(call, nil); rec.SourceIP != c.ip || rec.SourceCell != c.cell {
			t.Errorf("audited as %+v", rec)
		}
		if inner := d.internalCall(call, call.Principal, nil); inner.SourceIP != c.ip || inner.SourceCell != c.cell {
			t.Errorf("a call that it leads to is from %q, %q", inner.SourceIP, inner.SourceCell)
		}
	}
}

// What a handler confides is told to the cell that asked, and to nobody else.
func TestConfide(t *testing.T) {
	d := &Door{now: time.Now}
	var told []string
	outside := httptest.NewRequest("GET", "/", nil)
	inside := outside.WithContext(WithinPlatform(context.Background(), Inside{From: "arn", Region: "eu-west-1", Confide: func(secret []byte) { told = append(told, string(secret)) }}))
	d.wireCall(outside).Confide([]byte("for a client"))
	d.wireCall(inside).Confide([]byte("for a function"))
	(&Call{}).Confide([]byte("for a service"))
	made := d.internalCall(inside.Context(), &Principal{}, nil) // by the platform, for the cell
	made.Confide([]byte("for a function, too"))
	if made.Region != "eu-west-1" || made.SourceCell != "arn" {
		t.Errorf("a call for a cell is in %s, from %q", made.Region, made.SourceCell)
	}
	if len(told) != 2 || told[0] != "for a function" || told[1] != "for a function, too" {
		t.Errorf("told %q", told)
	}
}
