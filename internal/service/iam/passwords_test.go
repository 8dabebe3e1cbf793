package iam

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
)

func TestPasswordIsRecognised(t *testing.T) {
	p, q := newPassword("Correct-1"), newPassword("Correct-1")
	if !p.is("Correct-1") || p.is("correct-1") || p.is("") {
		t.Error("a password is not told from others")
	}
	if p.Hash.Equal(q.Hash) {
		t.Error("two hashes of one password are the same: no salt")
	}
}

// A password is nowhere but in its hash: not in the row, not in the audit log's
// rendering of the calls that carry one.
func TestPasswordIsNowhere(t *testing.T) {
	const secret = "Nowhere-to-be-seen-1"
	h := newHarness(t)
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: str("ada")})
	in := &api.CreateLoginProfileRequest{UserName: str("ada"), Password: str(secret)}
	do(h, h.root(), api.OpCreateLoginProfile, in)
	h.must(h.view(func(r store.Reader) error {
		p, err := loginProfiles.Get(r, store.K(doortest.Account, userID(h, "ada")))
		if err != nil {
			return err
		}
		if strings.Contains(fmt.Sprintf("%+v", p), secret) || strings.Contains(string(p.Password.Hash.Reveal()), secret) {
			t.Error("the row holds the password")
		}
		return nil
	}))
	for _, audited := range []json.RawMessage{
		awsapi.Redact(api.OpCreateLoginProfile.Input, in),
		awsapi.Redact(api.OpUpdateLoginProfile.Input, &api.UpdateLoginProfileRequest{UserName: str("ada"), Password: str(secret)}),
		awsapi.Redact(api.OpChangePassword.Input, &api.ChangePasswordRequest{OldPassword: str(secret), NewPassword: str(secret)}),
	} {
		if len(audited) == 0 || strings.Contains(string(audited), secret) {
			t.Errorf("audited as %s", audited)
		}
	}
}

// No more than a policy can ask for is remembered, and the latest of it.
func TestEarlierPasswordsAreBounded(t *testing.T) {
	p := &loginProfile{}
	for i := range 2 * passwordsKept {
		p.set(password{Time: uint32(i)}, time.Now())
	}
	if len(p.Earlier) != passwordsKept || p.Earlier[0].Time != 2*passwordsKept-2 {
		t.Errorf("%d earlier passwords, the latest %d", len(p.Earlier), p.Earlier[0].Time)
	}
}
