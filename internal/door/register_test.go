package door_test

import (
	"fmt"
	"strings"
	"testing"

	iam "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

func TestRegistration(t *testing.T) {
	s := newStage(t)
	handler := func(*door.Call, store.Reader, *iam.GetUserRequest) (*iam.GetUserResponse, error) { return nil, nil }
	for want, register := range map[string]func(){
		"without its permission":   func() { door.Read(s.Door, iam.OpGetUser, door.Auth[iam.GetUserRequest]{}, handler) },
		"registered without":       func() { door.Read(s.Door, iam.OpGetUser, door.Permission[iam.GetUserRequest](nil), handler) },
		"GetUser registered twice": func() { door.Read(s.Door, iam.OpGetUser, door.SignedOnly[iam.GetUserRequest](), handler) },
	} {
		text := panicked(register)
		for _, word := range strings.Fields(want) {
			if !strings.Contains(text, word) {
				t.Errorf("%s: the panic says %q", want, text)
			}
		}
	}
}

func panicked(fn func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	fn()
	return ""
}

func TestOperations(t *testing.T) {
	var list []string
	for _, o := range newStage(t).Door.Operations() {
		list = append(list, fmt.Sprintf("%s %s %t", o.Operation, o.Class, o.Writes))
	}
	want := `iam:GetUser permission false
iam:ListUsers public false
lambda:GetFunction permission false
logs:CreateLogGroup permission true
logs:DeleteLogGroup permission false
sts:GetCallerIdentity signed only false`
	if got := strings.Join(list, "\n"); got != want {
		t.Errorf("registered:\n%s", got)
	}
}
