package iam

import (
	"context"
	"errors"
	"testing"

	api "cloister/internal/awsapi/iam"
	"cloister/internal/store"
)

func TestUniqueID(t *testing.T) {
	h := newHarness(t)
	h.newUser("bob")
	role := h.newRole("app")
	made := do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: ptrTo("deep"), Path: ptrTo("/a/b/")})
	idOf := func(arn string) (id string) {
		err := h.DB.View(context.Background(), func(r store.Reader) (err error) {
			id, err = h.iam.UniqueID(r, arn)
			return err
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		return id
	}
	for arn, want := range map[string]string{
		"arn:aws:iam::123456789012:user/a/b/deep":        *made.User.UserId,
		"arn:aws:sts::123456789012:assumed-role/app/any": role,
		"arn:aws:iam::123456789012:user/deep":            "",
		"arn:aws:iam::123456789012:user/BOB":             "",
		"arn:aws:iam::123456789012:user/app":             "",
		"arn:aws:iam::210987654321:user/bob":             "",
		"arn:aws:iam::123456789012:root":                 "",
		"arn:aws:iam::123456789012:role/":                "",
		"bob":                                            "",
	} {
		if got := idOf(arn); got != want {
			t.Errorf("%s is %q, not %q", arn, got, want)
		}
	}
	if len(role) < 16 {
		t.Errorf("the role is %q", role)
	}
}
