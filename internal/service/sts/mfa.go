package sts

import (
	"errors"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

// hasCode reports whether a call brings an MFA code to be used.
func hasCode(serial, code *string) bool { return serial != nil && code != nil }

// codeOf is the MFA code that a call brings, nil for none. Half of one is an
// error: a claim that cannot be checked is not ignored.
func codeOf(c *door.Call, serial, code *string) (*session.Code, error) {
	if serial == nil && code == nil {
		return nil, nil
	}
	if !hasCode(serial, code) {
		return nil, accessDenied("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	}
	p := c.Principal
	if p.Kind != policy.PrincipalUser && p.Kind != policy.PrincipalRoot {
		return nil, codeError(session.ErrNoDevice)
	}
	return &session.Code{Account: p.Account, Holder: p.UserID, Serial: *serial, Code: awsapi.Val(code), Time: c.Time}, nil
}

// addCode adds to the context of AssumeRole that the caller has just proven to
// hold an MFA device, if so. The code is not used by that.
func (s *Service) addCode(c *door.Call, r store.Reader, in *api.AssumeRoleRequest, ctx policy.MapContext) error {
	code, err := codeOf(c, in.SerialNumber, in.TokenCode)
	if code == nil || err != nil {
		return err
	}
	if err := s.roles.CheckCode(r, code); err != nil {
		return codeError(err)
	}
	ctx["aws:multifactorauthpresent"] = []string{"true"}
	ctx["aws:multifactorauthage"] = []string{"0"}
	return nil
}

// useCode uses the MFA code of a call, and reports whether there is one.
func (s *Service) useCode(c *door.Call, tx *store.Tx, serial, oneTime *string) (bool, error) {
	code, err := codeOf(c, serial, oneTime)
	if code == nil || err != nil {
		return false, err
	}
	if err := s.roles.UseCode(tx, code); err != nil {
		return false, codeError(err)
	}
	return true, nil
}

// codeError says in STS's words why a code does not count.
func codeError(err error) error {
	var tooMany *session.TooManyCodes
	switch {
	case errors.Is(err, session.ErrNoDevice):
		return accessDenied("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
	case errors.Is(err, session.ErrWrongCode):
		return accessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	case errors.As(err, &tooMany):
		return accessDenied("MultiFactorAuthentication failed: too many invalid one time pass codes. Try again in %s.", tooMany.Wait.Round(time.Second))
	}
	return err
}
