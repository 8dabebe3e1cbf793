package iam

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door/doortest"
	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

const aliceSerial = "arn:aws:iam::123456789012:mfa/alice"

// mfaUser makes a user who has an MFA device of the same name, of which the
// codes before the present one are used.
func mfaUser(h *harness, name string) {
	h.t.Helper()
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: &name})
	serial := *do(h, h.root(), api.OpCreateVirtualMFADevice, &api.CreateVirtualMFADeviceRequest{VirtualMFADeviceName: &name}).VirtualMFADevice.SerialNumber
	do(h, h.root(), api.OpEnableMFADevice, &api.EnableMFADeviceRequest{
		UserName: &name, SerialNumber: &serial, AuthenticationCode1: str(h.code(name, -2)), AuthenticationCode2: str(h.code(name, -1)),
	})
}

// code is the code of a device that is off steps from the present one.
func (h *harness) code(device string, off int64) (code string) {
	h.t.Helper()
	h.must(h.view(func(r store.Reader) error {
		d, err := findDevice(r, doortest.Account, arn(doortest.Account, mfaNoun, "/", device))
		if err == nil {
			code = oneTimeCode(d.Seed, stepAt(h.now())+off)
		}
		return err
	}))
	return code
}

// codeNow is what a user presents to STS, with the device of the same name.
func codeNow(h *harness, user string, off int64) *session.Code {
	h.t.Helper()
	return &session.Code{
		Account: doortest.Account, Holder: userID(h, user), Serial: arn(doortest.Account, mfaNoun, "/", user),
		Code: h.code(user, off), Time: h.now(),
	}
}

func useCode(h *harness, c *session.Code) error {
	return h.DB.Update(context.Background(), func(tx *store.Tx) error { return h.iam.UseCode(tx, c) })
}

// Of many calls at once with one code, one succeeds.
func TestCodeIsUsedOnce(t *testing.T) {
	h := newHarness(t)
	mfaUser(h, "alice")
	c := codeNow(h, "alice", 0)
	var used atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			switch err := useCode(h, c); {
			case err == nil:
				used.Add(1)
			case err != session.ErrWrongCode:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if used.Load() != 1 {
		t.Errorf("a code was used %d times", used.Load())
	}
}

// A code does not count again when its device was given to somebody anew.
func TestUsedCodesStayUsed(t *testing.T) {
	h := newHarness(t)
	mfaUser(h, "alice")
	h.must(useCode(h, codeNow(h, "alice", 1)))
	name, serial := "alice", aliceSerial
	do(h, h.root(), api.OpDeactivateMFADevice, &api.DeactivateMFADeviceRequest{UserName: &name, SerialNumber: &serial})
	if err := useCode(h, codeNow(h, "alice", 0)); err != session.ErrNoDevice {
		t.Errorf("a device that alice no longer has: %v", err)
	}
	enable := func(off int64) string {
		return try(h, h.root(), api.OpEnableMFADevice, &api.EnableMFADeviceRequest{
			UserName: &name, SerialNumber: &serial, AuthenticationCode1: str(h.code("alice", off)), AuthenticationCode2: str(h.code("alice", off+1)),
		})
	}
	if got := enable(0); got != "InvalidAuthenticationCode" {
		t.Errorf("with used codes: %q", got)
	}
	if got := enable(2); got != "" {
		t.Errorf("with new codes: %q", got)
	}
}

func TestCodesAreTheHoldersOnly(t *testing.T) {
	h := newHarness(t)
	mfaUser(h, "alice")
	mfaUser(h, "bob")
	c := codeNow(h, "alice", 0)
	c.Holder = userID(h, "bob")
	if err := useCode(h, c); err != session.ErrNoDevice {
		t.Errorf("alice's device for bob: %v", err)
	}
	c.Holder, c.Account = userID(h, "alice"), "999999999999"
	if err := useCode(h, c); err != session.ErrNoDevice {
		t.Errorf("alice's device in another account: %v", err)
	}
}

// After five wrong codes no code of alice's is looked at for a while, and every
// other user's is.
func TestWrongCodesAreHeldBack(t *testing.T) {
	h := newHarness(t)
	mfaUser(h, "alice")
	mfaUser(h, "bob")
	wrong := codeNow(h, "alice", 100)
	for range freeGuesses {
		if err := useCode(h, wrong); err != session.ErrWrongCode {
			t.Fatal(err)
		}
	}
	var tooMany *session.TooManyCodes
	if err := useCode(h, codeNow(h, "alice", 0)); !errors.As(err, &tooMany) || tooMany.Wait > firstWait {
		t.Errorf("after five wrong ones: %v", err)
	}
	h.must(useCode(h, codeNow(h, "bob", 0)))
	h.skew(firstWait)
	h.must(useCode(h, codeNow(h, "alice", 0)))
}

// Whoever saw a code being used cannot present it again to be let guess on.
func TestUsedCodesForgiveNothing(t *testing.T) {
	h := newHarness(t)
	mfaUser(h, "alice")
	seen := codeNow(h, "alice", 0)
	h.must(useCode(h, seen))
	for i := range freeGuesses {
		if err := useCode(h, codeNow(h, "alice", 100)); err != session.ErrWrongCode {
			t.Fatalf("guess %d: %v", i, err)
		}
		if i < freeGuesses-1 {
			if err := useCode(h, seen); err != session.ErrWrongCode {
				t.Fatalf("again: %v", err)
			}
		}
	}
	var tooMany *session.TooManyCodes
	if err := useCode(h, codeNow(h, "alice", 1)); !errors.As(err, &tooMany) {
		t.Errorf("after five wrong ones: %v", err)
	}
}

// Guesses at the same time are no more than guesses one after the other.
func TestManyGuessesAtOnce(t *testing.T) {
	h := newHarness(t)
	mfaUser(h, "alice")
	wrong := codeNow(h, "alice", 100)
	var looked atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := h.view(func(r store.Reader) error { return h.iam.CheckCode(r, wrong) }); err == session.ErrWrongCode {
				looked.Add(1)
			}
		})
	}
	all.Wait()
	if looked.Load() != freeGuesses {
		t.Errorf("%d codes were looked at", looked.Load())
	}
}

func TestGuessesAreBounded(t *testing.T) {
	var g guesses
	now := time.Unix(1_800_000_000, 0)
	never := func() bool { return false }
	for i := range guessesKept {
		g.try(newID("AIDA"), now.Add(time.Duration(i)), never)
	}
	g.try("one more", now.Add(25*time.Hour), never)
	if len(g.wrong) != 1 {
		t.Errorf("%d holders are remembered", len(g.wrong))
	}
}

// The seed is answered once. No other answer has it, and the codes that were
// handed in are in no record.
func TestSeedIsShownOnce(t *testing.T) {
	h := newHarness(t)
	mfaUser(h, "alice")
	list := do(h, h.root(), api.OpListVirtualMFADevices, &api.ListVirtualMFADevicesRequest{})
	if n := len(list.VirtualMFADevices); n != 1 {
		t.Fatalf("%d devices", n)
	}
	if d := list.VirtualMFADevices[0]; d.Base32StringSeed != nil || d.QRCodePNG != nil {
		t.Error("a list shows the seed")
	}
	for e, err := range h.Audit.Records(context.Background(), 0) {
		h.must(err)
		if e.EventName == "EnableMFADevice" && string(e.Request) != `{"userName":"alice","serialNumber":"`+aliceSerial+`","authenticationCode1":"HIDDEN_DUE_TO_SECURITY_REASONS","authenticationCode2":"HIDDEN_DUE_TO_SECURITY_REASONS"}` {
			t.Errorf("recorded: %s", e.Request)
		}
	}
}

// The root user has devices of its own, which nobody else can touch.
func TestRootHasDevices(t *testing.T) {
	h := newHarness(t)
	account, name := doortest.Account, "root-account-mfa-device"
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: str("admin")})
	do(h, h.root(), api.OpAttachUserPolicy, &api.AttachUserPolicyRequest{UserName: str("admin"), PolicyArn: str("arn:aws:iam::aws:policy/IAMFullAccess")})
	serial := *do(h, h.root(), api.OpCreateVirtualMFADevice, &api.CreateVirtualMFADeviceRequest{VirtualMFADeviceName: &name}).VirtualMFADevice.SerialNumber
	enable := &api.EnableMFADeviceRequest{
		UserName: &account, SerialNumber: &serial, AuthenticationCode1: str(h.code(name, -2)), AuthenticationCode2: str(h.code(name, -1)),
	}
	if got := try(h, h.user("admin"), api.OpEnableMFADevice, enable); got != "NoSuchEntity" {
		t.Errorf("another user enables root's device: %q", got)
	}
	do(h, h.root(), api.OpEnableMFADevice, enable)
	if n := do(h, h.root(), api.OpGetAccountSummary, &awsapi.None{}).SummaryMap["AccountMFAEnabled"]; n != 1 {
		t.Errorf("AccountMFAEnabled is %d", n)
	}
	h.must(useCode(h, &session.Code{Account: account, Holder: h.root().UserID, Serial: serial, Code: h.code(name, 0), Time: h.now()}))
	if got := try(h, h.user("admin"), api.OpDeactivateMFADevice, &api.DeactivateMFADeviceRequest{UserName: &account, SerialNumber: &serial}); got != "NoSuchEntity" {
		t.Errorf("another user deactivates root's device: %q", got)
	}
	if list := do(h, h.root(), api.OpListMFADevices, &api.ListMFADevicesRequest{}); len(list.MFADevices) != 1 || *list.MFADevices[0].SerialNumber != serial {
		t.Errorf("root's devices: %+v", list.MFADevices)
	}
	do(h, h.root(), api.OpDeactivateMFADevice, &api.DeactivateMFADeviceRequest{UserName: &account, SerialNumber: &serial})
}

// IAM is closed to the sessions of GetSessionToken, but for those with MFA.
func TestIAMWantsMFAOfSessions(t *testing.T) {
	h := newHarness(t)
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: str("alice")})
	do(h, h.root(), api.OpAttachUserPolicy, &api.AttachUserPolicyRequest{UserName: str("alice"), PolicyArn: str("arn:aws:iam::aws:policy/IAMReadOnlyAccess")})
	opened := &session.Session{Kind: policy.PrincipalUser, Account: doortest.Account, EntityID: userID(h, "alice"), Issued: h.now(), Expires: h.now().Add(time.Hour)}
	for _, mfa := range []bool{false, true} {
		opened.MFA = mfa
		k, _, err := h.iam.sessionCredential(opened)
		h.must(err)
		if got := try(h, k.Principal, api.OpListUsers, &api.ListUsersRequest{}); (got == "") != mfa || got != "" && got != "InvalidClientTokenId" {
			t.Errorf("with MFA %v: %q", mfa, got)
		}
	}
}
