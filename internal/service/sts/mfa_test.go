package sts

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	iamapi "cloister/internal/awsapi/iam"
	"cloister/internal/door"
)

// phone is an authenticator app, made from what CreateVirtualMFADevice answers
// and RFC 6238 alone.
type phone struct {
	serial string
	seed   []byte
}

// phone gives a user an MFA device, of which the codes before the present one
// are used.
func (h *harness) phone(user string) *phone {
	h.t.Helper()
	made := do(h, iamapi.OpCreateVirtualMFADevice, &iamapi.CreateVirtualMFADeviceRequest{VirtualMFADeviceName: &user}).VirtualMFADevice
	seed, err := base32.StdEncoding.DecodeString(string(made.Base32StringSeed))
	if err != nil {
		h.t.Fatal(err)
	}
	p := &phone{*made.SerialNumber, seed}
	do(h, iamapi.OpEnableMFADevice, &iamapi.EnableMFADeviceRequest{
		UserName: &user, SerialNumber: &p.serial, AuthenticationCode1: aws.String(p.code(-2)), AuthenticationCode2: aws.String(p.code(-1)),
	})
	return p
}

func (p *phone) code(off int64) string {
	step := uint64(time.Now().Unix()/30 + off)
	var text [8]byte
	for i := range text {
		text[i] = byte(step >> (56 - 8*i))
	}
	mac := hmac.New(sha1.New, p.seed)
	mac.Write(text[:])
	sum := mac.Sum(nil)
	o := sum[19] & 15
	n := (uint32(sum[o])&127)<<24 | uint32(sum[o+1])<<16 | uint32(sum[o+2])<<8 | uint32(sum[o+3])
	return fmt.Sprintf("%06d", n%1000000)
}

// wrongCode is a code that the phone does not show now.
func (p *phone) wrongCode() string {
	for n := 0; ; n++ {
		code := fmt.Sprintf("%06d", n)
		if !strings.Contains(p.code(-2)+" "+p.code(-1)+" "+p.code(0)+" "+p.code(1)+" "+p.code(2), code) {
			return code
		}
	}
}

func (h *harness) sessionToken(c *sdk.Client, serial, code string) (*types.Credentials, error) {
	out, err := c.GetSessionToken(context.Background(), &sdk.GetSessionTokenInput{SerialNumber: &serial, TokenCode: &code})
	if err != nil {
		return nil, err
	}
	return out.Credentials, nil
}

func withCode(p *phone, code string) func(*sdk.AssumeRoleInput) {
	return func(in *sdk.AssumeRoleInput) { in.SerialNumber, in.TokenCode = &p.serial, &code }
}

const (
	notValid     = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
	invalidCode  = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
	mustHaveBoth = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
)

func TestMFAWordings(t *testing.T) {
	h := newHarness(t)
	alice, bob := h.user("alice", mayAssume), h.user("bob", mayAssume)
	role := h.role("r", trustAccount)
	p := h.phone("alice")
	for name, c := range map[string]struct {
		client *sdk.Client
		in     sdk.GetSessionTokenInput
		want   string
	}{
		"no code":          {alice, sdk.GetSessionTokenInput{SerialNumber: &p.serial}, mustHaveBoth},
		"no serial number": {alice, sdk.GetSessionTokenInput{TokenCode: aws.String("123456")}, mustHaveBoth},
		"a wrong code":     {alice, sdk.GetSessionTokenInput{SerialNumber: &p.serial, TokenCode: aws.String(p.wrongCode())}, invalidCode},
		"a used code":      {alice, sdk.GetSessionTokenInput{SerialNumber: &p.serial, TokenCode: aws.String(p.code(-1))}, invalidCode},
		"another's device": {bob, sdk.GetSessionTokenInput{SerialNumber: &p.serial, TokenCode: aws.String(p.code(0))}, notValid},
		"no device":        {alice, sdk.GetSessionTokenInput{SerialNumber: aws.String(p.serial + "x"), TokenCode: aws.String(p.code(0))}, notValid},
	} {
		_, err := c.client.GetSessionToken(context.Background(), &c.in)
		if got := h.wantCode("AccessDenied", err); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
		got := h.refused("AccessDenied", c.client, role, func(in *sdk.AssumeRoleInput) { in.SerialNumber, in.TokenCode = c.in.SerialNumber, c.in.TokenCode })
		if got != c.want {
			t.Errorf("AssumeRole with %s: %q", name, got)
		}
	}
	if _, err := h.sessionToken(alice, p.serial, p.code(0)); err != nil {
		t.Errorf("the right code: %v", err)
	}
}

const (
	needsMFA       = `"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`
	needsRecentMFA = `"Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":"3600"}}`
	trustMFA       = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole",` + needsMFA + `}}`
	mayListIfMFA   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"},{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*",` + needsMFA + `}]}`
	mayListRecent  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*",` + needsRecentMFA + `}}`
)

// A session that was taken with a code has the condition keys; long-term keys,
// and sessions without, do not.
func TestSessionsWithMFA(t *testing.T) {
	for name, document := range map[string]string{"aws:MultiFactorAuthPresent": mayListIfMFA, "aws:MultiFactorAuthAge": mayListRecent} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			alice := h.user("alice", document)
			p := h.phone("alice")
			with, err := h.sessionToken(alice, p.serial, p.code(0))
			if err != nil {
				t.Fatal(err)
			}
			if !h.mayList(with) {
				t.Error("with MFA it is denied")
			}
			without, err := alice.GetSessionToken(context.Background(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if h.mayList(without.Credentials) {
				t.Error("without MFA it is allowed")
			}
		})
	}
}

// A role may ask for MFA in its trust policy: a code with the call counts, and
// so does that of the session that makes it. The role's own session says
// nothing of it.
func TestRoleThatWantsMFA(t *testing.T) {
	h := newHarness(t)
	alice, role := h.user("alice", mayAssume), h.role("r", trustMFA)
	h.rolePolicy("r", mayListIfMFA)
	p := h.phone("alice")
	h.refused("AccessDenied", alice, role)
	out := h.assume(alice, role, withCode(p, p.code(0)))
	if h.mayList(out.Credentials) {
		t.Error("a role's session has MFA")
	}
	if got := h.refused("AccessDenied", h.in(out.Credentials), role, withCode(p, p.code(1))); got != notValid {
		t.Errorf("a role's session with a code: %q", got)
	}
	session, err := h.sessionToken(alice, p.serial, p.code(1))
	if err != nil {
		t.Fatal(err)
	}
	h.assume(h.in(session), role)
}

// A code that was right is used only by a call that succeeds.
func TestDeniedCallUsesNoCode(t *testing.T) {
	h := newHarness(t)
	alice, role := h.user("alice", ""), h.role("r", trustAccount)
	p := h.phone("alice")
	code := p.code(0)
	if got := h.refused("AccessDenied", alice, role, withCode(p, code)); !strings.Contains(got, "sts:AssumeRole") {
		t.Errorf("refused for %q", got)
	}
	if _, err := h.sessionToken(alice, p.serial, code); err != nil {
		t.Error(err)
	}
}

// One code gives one session, however many calls bring it at once.
func TestOneCodeOneSession(t *testing.T) {
	h := newHarness(t)
	alice, role := h.user("alice", mayAssume), h.role("r", trustMFA)
	p := h.phone("alice")
	code := p.code(1)
	var given atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = h.sessionToken(alice, p.serial, code)
			} else {
				_, err = assume(alice, role, withCode(p, code))
			}
			if err == nil {
				given.Add(1)
			}
		})
	}
	all.Wait()
	if given.Load() != 1 {
		t.Errorf("%d sessions for one code", given.Load())
	}
}

func TestTooManyWrongCodes(t *testing.T) {
	h := newHarness(t)
	alice := h.user("alice", "")
	p := h.phone("alice")
	for range 5 {
		_, err := h.sessionToken(alice, p.serial, p.wrongCode())
		if got := h.wantCode("AccessDenied", err); got != invalidCode {
			t.Fatal(got)
		}
	}
	_, err := h.sessionToken(alice, p.serial, p.code(0))
	if got := h.wantCode("AccessDenied", err); !strings.HasPrefix(got, "MultiFactorAuthentication failed: too many invalid one time pass codes. Try again in ") {
		t.Errorf("after five wrong ones: %q", got)
	}
}

func TestRootSessionWithMFA(t *testing.T) {
	h := newHarness(t)
	p := h.phone("123456789012")
	session, err := h.sessionToken(h.root(), p.serial, p.code(0))
	if err != nil {
		t.Fatal(err)
	}
	if !h.mayList(session) {
		t.Error("IAM is closed to root's session with MFA")
	}
	found, err := h.iam.Credential(context.Background(), *session.AccessKeyId, *session.SessionToken)
	if found == nil || !found.Principal.MFA {
		t.Errorf("the session is %+v, %v", found, err)
	}
	if _, err := door.Do(context.Background(), h.Door, h.Root(), iamapi.OpDeactivateMFADevice, &iamapi.DeactivateMFADeviceRequest{
		UserName: aws.String("123456789012"), SerialNumber: &p.serial,
	}); err != nil {
		t.Error(err)
	}
}
