// Package outbox is the operation by which administrators read the messages that
// the platform has for people: codes, invitations. Whoever may read them can
// confirm addresses and set passwords in the place of those they are for, so the
// permission, cloister:ListOutboxMessages on the account's outbox, is an
// administrator's.
package outbox

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/outbox"
	"cloister/internal/store"
)

// usual is how many messages are told of unless the caller says.
const usual = 100

// Register registers the operation.
func Register(d *door.Door) {
	door.Read(d, api.OpListOutboxMessages, door.On("cloister:ListOutboxMessages", func(c *door.Call, _ *api.ListOutboxMessagesRequest) string {
		return "arn:aws:cloister::" + c.Account + ":outbox"
	}), list)
}

func list(c *door.Call, r store.Reader, in *api.ListOutboxMessagesRequest) (*api.ListOutboxMessagesResponse, error) {
	most := int64(usual)
	if in.MaxResults != nil {
		most = awsapi.Val(in.MaxResults)
	}
	found, err := outbox.List(r, c.Account, int(most))
	if err != nil {
		return nil, err
	}
	out := &api.ListOutboxMessagesResponse{Messages: []api.OutboxMessage{}}
	for _, m := range found {
		c.Confide([]byte(m.Body))
		out.Messages = append(out.Messages, api.OutboxMessage{Created: m.Created, Source: m.Source, Channel: m.Channel, To: m.To, Subject: m.Subject, Body: m.Body})
	}
	return out, nil
}
