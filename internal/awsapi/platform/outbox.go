package platform

import "time"

// OpListOutboxMessages tells which messages to people wait in the node's outbox.
var OpListOutboxMessages = define[ListOutboxMessagesRequest, ListOutboxMessagesResponse]("ListOutboxMessages")

// ListOutboxMessagesRequest asks for the newest messages of the account, at most so many.
type ListOutboxMessagesRequest struct {
	MaxResults *int64 `api:"min=1,max=1000"`
}

// ListOutboxMessagesResponse is the messages, the newest first. They hold codes and
// temporary passwords.
type ListOutboxMessagesResponse struct {
	Messages []OutboxMessage
}

// OutboxMessage is one message to one person.
type OutboxMessage struct {
	Created time.Time
	Source  string // ARN of what it is sent for
	Channel string // email or sms
	To      string
	Subject string
	Body    string `api:"sensitive"`
}
