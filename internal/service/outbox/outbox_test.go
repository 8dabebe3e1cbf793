package outbox

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/outbox"
	"cloister/internal/store"
)

func TestWhoReadsTheOutbox(t *testing.T) {
	h := doortest.New(t, []*awsapi.Service{&api.Service})
	Register(h.Door)
	err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
		for i, account := range []string{doortest.Account, doortest.Account, "999999999999"} {
			m := &outbox.Message{Account: account, Created: time.Now().Add(time.Duration(i) * time.Millisecond), Channel: outbox.Email, To: "a@example.com", Body: strings.Repeat("x", i+1)}
			if err := outbox.Add(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(as *door.Principal, most *int64) (*api.ListOutboxMessagesResponse, error) {
		return door.Do(context.Background(), h.Door, as, api.OpListOutboxMessages, &api.ListOutboxMessagesRequest{MaxResults: most})
	}
	out, err := ask(h.Root(), nil)
	if err != nil || len(out.Messages) != 2 || out.Messages[0].Body != "xx" {
		t.Errorf("%+v %v", out, err)
	}
	one := int64(1)
	if out, err = ask(h.Root(), &one); err != nil || len(out.Messages) != 1 {
		t.Errorf("%+v %v", out, err)
	}
	var wire *awsapi.Error
	if _, err := ask(h.User("nobody"), nil); !errors.As(err, &wire) || wire.Code != "AccessDenied" {
		t.Error(err)
	}
}
