package iam

import (
	"errors"
	"unicode"

	"cloister/internal/awsapi"
	"cloister/policy"
)

// parse compiles a document that a caller gave, or gives
// MalformedPolicyDocument with the place and the reason.
func (s *Service) parse(kind policy.Kind, document string) (*policy.Policy, error) {
	p, err := s.compiler.compile(kind, document)
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return nil, awsapi.Errorf("MalformedPolicyDocument", "Syntax error at position (%d,%d): %s", syntax.Line, syntax.Column, syntax.Reason)
	}
	return p, err
}

// size counts a document as IAM's quotas do: in characters, without white space
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
func size(document string) int {
	n := 0
	for _, c := range document {
		if !unicode.IsSpace(c) {
			n++
		}
	}
	return n
}
