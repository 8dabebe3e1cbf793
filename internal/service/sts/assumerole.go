package sts

import (
	"fmt"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

// roleDuration is how long a role session lasts when nothing else is asked for,
// and the most that it may last when a role session asks for it.
const roleDuration = time.Hour

// assumeRole issues a session of a role. That the caller may have it has been
// decided, on the same snapshot. An MFA code counts for the decision alone: the
// session says nothing of it, like AWS's
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html).
func (s *Service) assumeRole(c *door.Call, r store.Reader, tx *store.Tx, in *api.AssumeRoleRequest) (*api.AssumeRoleResponse, error) {
	role, err := s.roles.Role(r, awsapi.Val(in.RoleArn))
	if err != nil {
		return nil, err
	}
	if _, err := s.useCode(c, tx, in.SerialNumber, in.TokenCode); err != nil {
		return nil, err
	}
	duration, err := sessionTime(c.Principal, role, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	opened := newSession(c, duration)
	opened.Kind, opened.Account, opened.EntityID = policy.PrincipalAssumedRole, role.Account, role.ID
	opened.Name = awsapi.Val(in.RoleSessionName)
	if err := describe(opened, c.Principal, in); err != nil {
		return nil, err
	}
	if err := s.narrow(r, opened, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	return s.answer(role, opened)
}

// sessionTime is how long the session lasts. Asking for more than there may be
// is refused, not cut
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
func sessionTime(p *door.Principal, role *session.Role, seconds *int64) (time.Duration, error) {
	if seconds == nil {
		return roleDuration, nil
	}
	d := time.Duration(*seconds) * time.Second
	if p.Kind == policy.PrincipalAssumedRole && d > roleDuration {
		return 0, validation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	if d > role.MaxSession {
		return 0, validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return d, nil
}

func (s *Service) answer(role *session.Role, opened *session.Session) (*api.AssumeRoleResponse, error) {
	credentials, packed, err := s.issue(opened)
	if err != nil {
		return nil, err
	}
	answer := &api.AssumeRoleResponse{
		Credentials: credentials, PackedPolicySize: packed,
		AssumedRoleUser: &api.AssumedRoleUser{
			AssumedRoleId: awsapi.Ptr(role.ID + ":" + opened.Name),
			Arn:           awsapi.Ptr(fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", role.Account, role.Name, opened.Name)),
		},
	}
	if opened.SourceIdentity != "" {
		answer.SourceIdentity = &opened.SourceIdentity
	}
	return answer, nil
}

// issue seals the session, if it is not too large. It also gives the packed
// size in percent, nil for a session that carries nothing.
func (s *Service) issue(opened *session.Session) (*api.Credentials, *int64, error) {
	percent, err := packedPercent(opened)
	if err != nil {
		return nil, nil, err
	}
	if percent > 100 {
		return nil, nil, tooLarge(percent)
	}
	credentials, err := s.credentials(opened)
	if err != nil || percent == 0 {
		return credentials, nil, err
	}
	return credentials, awsapi.Ptr(int64(percent)), nil
}

// packedSize is the room for session policies and tags, packed.
const packedSize = 4096

func packedPercent(opened *session.Session) (int, error) {
	size, err := session.PackedSize(opened)
	return (size*100 + packedSize - 1) / packedSize, err
}
