package sts

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"cloister/internal/awsapi"
	"cloister/internal/door/session"
)

// A session whose claims would not fit into a token is the caller's to make
// smaller, and no failure of the platform.
func TestASessionThatFitsIntoNoToken(t *testing.T) {
	h := newHarness(t)
	s := &Service{sealing: h.Keys}
	opened := &session.Session{AccessKeyID: "ASIAEXAMPLE", Tags: map[string]string{}}
	for i := range 2000 {
		opened.Tags[fmt.Sprintf("key-%d", i)] = rand.Text() // which does not pack
	}
	_, err := s.credentials(opened)
	var wire *awsapi.Error
	if !errors.As(err, &wire) || wire.Code != "PackedPolicyTooLarge" {
		t.Errorf("error %v", err)
	}
}
