package sts

import (
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// needFederationToken needs the permission on the session that is asked for,
// and for tags the permission to tag
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html).
func needFederationToken(c *door.Call, _ store.Reader, in *api.GetFederationTokenRequest) ([]door.Need, error) {
	if err := longTermUser(c.Principal); err != nil {
		return nil, err
	}
	need := door.Need{
		Action: "sts:GetFederationToken", Resource: federatedARN(c.Account, awsapi.Val(in.Name)),
		Context: policy.MapContext{},
	}
	tagContext(need.Context, in.Tags)
	needs := []door.Need{need}
	if len(in.Tags) > 0 {
		needs = append(needs, also(need, "sts:TagSession"))
	}
	return needs, nil
}

// longTermUser refuses all but users with an access key of their own. What the
// root user may do has no bound that a session of it could be held in.
func longTermUser(p *door.Principal) error {
	switch {
	case p.Kind == policy.PrincipalRoot && p.IssuedAt.IsZero():
		return accessDenied("Cannot call GetFederationToken with the credentials of the root user")
	case p.Kind != policy.PrincipalUser || !p.IssuedAt.IsZero():
		return accessDenied("Cannot call GetFederationToken with session credentials")
	}
	return nil
}

func federatedARN(account, name string) string {
	return "arn:aws:sts::" + account + ":federated-user/" + name
}

// getFederationToken gives a user's application credentials for somebody that
// it vouches for. They can do what both the user's policies and the session
// policies allow, without session policies nothing
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html).
func (s *Service) getFederationToken(c *door.Call, r store.Reader, in *api.GetFederationTokenRequest) (*api.GetFederationTokenResponse, error) {
	duration := tokenDuration
	if in.DurationSeconds != nil {
		duration = time.Duration(*in.DurationSeconds) * time.Second
	}
	opened := newSession(c, duration)
	opened.Kind, opened.Account, opened.EntityID = policy.PrincipalFederatedUser, c.Account, c.Principal.UserID
	opened.Name = awsapi.Val(in.Name)
	var err error
	if opened.Tags, err = requestedTags(in.Tags); err != nil {
		return nil, err
	}
	if err := s.narrow(r, opened, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	credentials, packed, err := s.issue(opened)
	if err != nil {
		return nil, err
	}
	return &api.GetFederationTokenResponse{
		Credentials: credentials, PackedPolicySize: packed,
		FederatedUser: &api.FederatedUser{
			Arn:             awsapi.Ptr(federatedARN(c.Account, opened.Name)),
			FederatedUserId: awsapi.Ptr(c.Account + ":" + opened.Name),
		},
	}, nil
}
