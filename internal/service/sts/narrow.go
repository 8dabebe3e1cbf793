package sts

import (
	"errors"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

const (
	// sessionPolicySize bounds the inline session policy and the ARNs of the
	// managed ones together, in characters.
	sessionPolicySize = 2048
	maxPolicyARNs     = 10
)

// narrow gives the session its session policies. Managed ones are passed on by
// name: what they say counts when the session is used.
func (s *Service) narrow(r store.Reader, opened *session.Session, document *string, arns []*api.PolicyDescriptorType) error {
	opened.Policy = awsapi.Val(document)
	if opened.Policy != "" {
		if err := checkPolicy(opened.Policy); err != nil {
			return err
		}
	}
	size := len(opened.Policy)
	if len(arns) > maxPolicyARNs {
		return validation("A session can have %d managed session policies; %d were given.", maxPolicyARNs, len(arns))
	}
	for _, p := range arns {
		arn := awsapi.Val(p.Arn)
		if err := s.checkManaged(r, opened.Account, arn); err != nil {
			return err
		}
		opened.PolicyARNs = append(opened.PolicyARNs, arn)
		size += len(arn)
	}
	if size > sessionPolicySize {
		return tooLarge((size*100 + sessionPolicySize - 1) / sessionPolicySize)
	}
	return nil
}

func checkPolicy(document string) error {
	_, err := policy.Parse(policy.KindSession, []byte(document))
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return awsapi.Errorf("MalformedPolicyDocument", "Syntax error at position (%d,%d): %s", syntax.Line, syntax.Column, syntax.Reason)
	}
	return err
}

func (s *Service) checkManaged(r store.Reader, account, arn string) error {
	ok, err := s.roles.HasPolicy(r, account, arn)
	if err != nil {
		return err
	}
	if !ok {
		return validation("The managed policy %s does not exist in the account.", arn)
	}
	return nil
}
