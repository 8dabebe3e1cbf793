package sts

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"cloister/internal/door/doortest"
)

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// presigned assumes a role by a presigned URL, and returns the answer's body.
func (h *harness) presigned(c *types.Credentials, arn string, query url.Values) (int, string) {
	h.t.Helper()
	query.Set("Action", "AssumeRole")
	query.Set("Version", "2011-06-15")
	query.Set("RoleArn", arn)
	query.Set("RoleSessionName", "session")
	request, err := http.NewRequest("GET", h.url+"/?"+query.Encode(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	credentials := aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), credentials, request, emptyHash, "sts", doortest.Region, time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := http.Get(signed)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func described(in *sdk.AssumeRoleInput) {
	in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}
	in.TransitiveTagKeys, in.SourceIdentity = []string{"team"}, aws.String("alice")
}

// A role session chains also where its token is not in a header, and passes on
// the same.
func TestRoleSessionAssumesByPresignedURL(t *testing.T) {
	h := newHarness(t)
	first, second := h.role("first", trustAccount), h.role("second", trustAccount)
	h.rolePolicy("first", mayAssume)
	out := h.assume(h.user("alice", mayAssume), first, described)
	status, body := h.presigned(out.Credentials, second, url.Values{})
	if status != http.StatusOK || !strings.Contains(body, "<SourceIdentity>alice</SourceIdentity>") {
		t.Fatalf("%d: %s", status, body)
	}
	if status, body = h.presigned(out.Credentials, second, url.Values{"SourceIdentity": {"bob"}}); status != http.StatusForbidden {
		t.Errorf("a presigned call sheds the source identity: %d: %s", status, body)
	}
	if status, body = h.presigned(out.Credentials, second, url.Values{"Tags.member.1.Key": {"TEAM"}, "Tags.member.1.Value": {"blue"}}); status != http.StatusBadRequest {
		t.Errorf("a presigned call changes a transitive tag: %d: %s", status, body)
	}
}

// The principal of a session says what it passes on, over every link of the
// chain.
func TestPrincipalCarriesTheChain(t *testing.T) {
	h := newHarness(t)
	one, two, three := h.role("one", trustAccount), h.role("two", trustAccount), h.role("three", trustAccount)
	h.rolePolicy("one", mayAssume)
	h.rolePolicy("two", mayAssume)
	out := h.assume(h.user("alice", mayAssume), one, described)
	out = h.assume(h.in(out.Credentials), two)
	out = h.assume(h.in(out.Credentials), three)
	found, err := h.iam.Credential(context.Background(), *out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	p := found.Principal
	if p.SourceIdentity != "alice" || len(p.TransitiveTagKeys) != 1 || p.TransitiveTagKeys[0] != "team" || p.Tags["team"] != "red" {
		t.Errorf("the third session is of %q and passes on %v of %v", p.SourceIdentity, p.TransitiveTagKeys, p.Tags)
	}
}

// aws:SourceIdentity is a key of every call of the session, not of AssumeRole
// only.
func TestSourceIdentityIsACondition(t *testing.T) {
	h := newHarness(t)
	alice, role := h.user("alice", mayAssume), h.role("r", trustAccount)
	h.rolePolicy("r", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:SourceIdentity":"alice"}}}}`)
	if !h.mayList(h.assume(alice, role, described).Credentials) {
		t.Error("the session of alice is refused")
	}
	if h.mayList(h.assume(alice, role).Credentials) {
		t.Error("a session of nobody is allowed")
	}
	bob := func(in *sdk.AssumeRoleInput) { in.SourceIdentity = aws.String("bob") }
	if h.mayList(h.assume(alice, role, bob).Credentials) {
		t.Error("the session of bob is allowed")
	}
}
