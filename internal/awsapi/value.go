package awsapi

import "context"

// An EventSource produces the events of an event-stream answer. It calls send
// with the name of the stream's member and a pointer to that member's
// structure; send returns when the event is on its way to the client. When
// the source returns an *Error the client gets it as the stream's exception.
type EventSource func(ctx context.Context, send func(member string, event any) error) error

// Ptr returns a pointer to a copy of v: scalars of the generated types are
// pointers, where nil means absent.
func Ptr[T any](v T) *T { return &v }

// Val returns what p points to, or T's zero value when p is nil.
func Val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
