package awsapi

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
)

// stream runs an event source and writes what it sends, one frame an event,
// each flushed at once. initial, when given, is the payload of the
// initial-response event by which the RPC protocols send the other members.
func (m *Match) stream(w http.ResponseWriter, status int, f *field, source EventSource, initial []byte) error {
	w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
	w.WriteHeader(status)
	s := eventWriter{match: m, w: w, stream: f.plan.shape}
	if initial != nil {
		if err := s.write(eventMessage("event", "initial-response", m.documentType(), initial)); err != nil {
			return err
		}
	}
	err := source(m.context(), s.send)
	if err == nil || s.broken != nil {
		return s.broken
	}
	return errors.Join(err, s.exception(err))
}

// eventWriter frames the events of one answer.
type eventWriter struct {
	match  *Match
	w      http.ResponseWriter
	stream *Shape
	broken error // of the connection
}

func (s *eventWriter) write(m *EventMessage) error {
	frame, err := AppendEvent(nil, m)
	if err != nil {
		return err
	}
	if _, err = s.w.Write(frame); err == nil {
		err = http.NewResponseController(s.w).Flush()
		if errors.Is(err, http.ErrNotSupported) {
			err = nil
		}
	}
	s.broken = err
	return err
}

func eventMessage(kind, name, contentType string, payload []byte) *EventMessage {
	m := &EventMessage{Headers: []EventHeaderValue{{":message-type", kind}, {":" + kind + "-type", name}}, Payload: payload}
	if contentType != "" {
		m.Headers = append(m.Headers, EventHeaderValue{":content-type", contentType})
	}
	return m
}

func (s *eventWriter) send(member string, event any) error {
	for i := range s.stream.Members {
		if s.stream.Members[i].Name == member {
			return s.event(&s.stream.Members[i], event)
		}
	}
	return fmt.Errorf("awsapi: stream %s has no event %s", s.stream.Name, member)
}

func (s *eventWriter) event(member *Member, event any) error {
	p, v, err := structPlan(member.Shape, event)
	if err != nil {
		return err
	}
	m := eventMessage("event", member.Name, "", nil)
	if err := s.body(m, p, v); err != nil {
		return err
	}
	return s.write(m)
}

// body fills an event's headers and payload from its structure.
func (s *eventWriter) body(m *EventMessage, p *plan, v reflect.Value) error {
	whole := false
	for i := range p.fields {
		f := &p.fields[i]
		inner, ok := open(v.Field(f.index))
		switch {
		case f.Is(EventPayload):
			whole = true
			if ok {
				s.payload(m, f, inner)
			}
		case f.Is(EventHeader) && ok:
			m.Headers = append(m.Headers, EventHeaderValue{f.Name, eventValue(f.plan.shape.Kind, inner)})
		}
	}
	if !whole {
		m.Headers = append(m.Headers, EventHeaderValue{":content-type", s.match.documentType()})
		m.Payload = s.match.appendDocument(nil, p, v)
	}
	return nil
}

func (s *eventWriter) payload(m *EventMessage, f *field, v reflect.Value) {
	contentType := s.match.documentType()
	switch f.plan.shape.Kind {
	case KindBlob:
		m.Payload, contentType = v.Bytes(), "application/octet-stream"
	case KindString:
		m.Payload, contentType = []byte(v.String()), "text/plain"
	default:
		m.Payload = s.match.appendDocument(nil, f.plan, v)
	}
	m.Headers = append(m.Headers, EventHeaderValue{":content-type", contentType})
}

func eventValue(kind Kind, v reflect.Value) any {
	switch kind {
	case KindInteger:
		return int32(v.Int())
	case KindString:
		return v.String()
	}
	return v.Interface()
}

// exception tells the client why the stream ends: as the stream's own
// exception where its model has it, else as an error of the protocol.
func (s *eventWriter) exception(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		e = Errorf("InternalFailure", "The request processing has failed because of an unknown error, exception or failure.")
	}
	for i := range s.stream.Members {
		member := &s.stream.Members[i]
		if member.Shape.Is(Exception) && member.Shape.named(e.Code) {
			body := s.match.appendErrorDocument(nil, member.Shape, e)
			return s.write(eventMessage("exception", member.Name, s.match.documentType(), body))
		}
	}
	return s.write(&EventMessage{Headers: []EventHeaderValue{
		{":message-type", "error"}, {":error-code", e.Code}, {":error-message", abridge(e.Message, 8000)},
	}})
}
