// Package outbox keeps the messages that the platform sends to people: codes,
// invitations. A message is put down in the transaction that gives it its
// reason, sealed like everything, and so is neither lost nor sent for something
// that did not happen. It stays for whoever may read the outbox, or until it was
// handed to a mail server, and for a week at the longest.
package outbox

import (
	"time"

	"github.com/google/uuid"

	"cloister/internal/store"
)

// Channels of messages.
const (
	Email = "email"
	SMS   = "sms"
)

// kept is how long a message stays that nobody took.
const kept = 7 * 24 * time.Hour

// Message is one message to one person.
type Message struct {
	Account, Region string
	ID              string
	Created         time.Time
	Source          string // ARN of what it is sent for
	Channel         string
	From            string // address, "" for that of the node
	To              string // address or number
	Subject, Body   string
	HTML            bool // of the body

	Attempts int
	Due      time.Time // of the next attempt to send it
}

var messages = store.Define[Message]("outbox.message", store.Clear(0, 1), // account, creation, id
	store.Expiry(func(m *Message) time.Time { return m.Created.Add(kept) }),
	store.Index("due", func(m *Message) []store.Key { return []store.Key{store.K(m.Due)} }, store.Clear(0)))

func (m *Message) key() store.Key { return store.K(m.Account, m.Created, m.ID) }

// Add puts a message into the outbox.
func Add(tx *store.Tx, m *Message) error {
	m.ID = uuid.NewString()
	m.Due = m.Created
	return messages.Insert(tx, m.key(), m)
}

// List gives an account's messages, the newest first, at most so many.
func List(r store.Reader, account string, most int) (found []*Message, err error) {
	for item, err := range messages.ScanBack(r, store.K(account), nil) {
		if err != nil {
			return nil, err
		}
		if len(found) == most {
			break
		}
		found = append(found, item.Value)
	}
	return found, nil
}
