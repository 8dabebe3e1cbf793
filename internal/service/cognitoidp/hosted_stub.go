package cognitoidp

import api "cloister/internal/awsapi/cognitoidp"

// hostedSignIn is a sign-in by the pages of a pool's domain.
type hostedSignIn struct{}

func (*hostedSignIn) finish(*attempt, *signIn) (*api.InitiateAuthResponse, error) { return nil, nil }
