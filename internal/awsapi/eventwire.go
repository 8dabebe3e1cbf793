package awsapi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// An EventMessage is one frame of application/vnd.amazon.eventstream
// (https://smithy.io/2.0/aws/amazon-eventstream.html).
type EventMessage struct {
	Headers []EventHeaderValue
	Payload []byte
}

// An EventHeaderValue is a frame's header. Value is a bool, int8, int16, int32,
// int64, []byte, string, time.Time or [16]byte (a UUID).
type EventHeaderValue struct {
	Name  string
	Value any
}

// Header returns a header's string value, or "".
func (m *EventMessage) Header(name string) string {
	for _, h := range m.Headers {
		if s, ok := h.Value.(string); ok && h.Name == name {
			return s
		}
	}
	return ""
}

// Bounds of the format: 16 MiB of payload and 128 KiB of headers.
const (
	maxEventPayload = 16 << 20
	maxEventHeaders = 128 << 10
	eventPrelude    = 12 // total length, headers' length, their CRC
	eventOverhead   = eventPrelude + 4
)

// Types of header values.
const (
	eventTrue = iota
	eventFalse
	eventByte
	eventShort
	eventInteger
	eventLong
	eventBytes
	eventString
	eventTime
	eventUUID
)

// AppendEvent appends a frame to b.
func AppendEvent(b []byte, m *EventMessage) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, eventPrelude)...)
	for _, h := range m.Headers {
		var err error
		if b, err = appendEventHeader(b, h); err != nil {
			return nil, err
		}
	}
	headers := len(b) - start - eventPrelude
	if headers > maxEventHeaders || len(m.Payload) > maxEventPayload {
		return nil, errors.New("awsapi: the event is too large for a frame")
	}
	prelude := b[start : start+eventPrelude]
	binary.BigEndian.PutUint32(prelude, uint32(headers+len(m.Payload)+eventOverhead))
	binary.BigEndian.PutUint32(prelude[4:], uint32(headers))
	binary.BigEndian.PutUint32(prelude[8:], crc32.ChecksumIEEE(prelude[:8]))
	b = append(b, m.Payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:])), nil
}

func appendEventHeader(b []byte, h EventHeaderValue) ([]byte, error) {
	if h.Name == "" || len(h.Name) > 255 {
		return nil, fmt.Errorf("awsapi: an event header's name has 1 to 255 bytes, not %d", len(h.Name))
	}
	b = append(append(b, byte(len(h.Name))), h.Name...)
	switch v := h.Value.(type) {
	case bool:
		if v {
			return append(b, eventTrue), nil
		}
		return append(b, eventFalse), nil
	case int8:
		return append(b, eventByte, byte(v)), nil
	case int16:
		return binary.BigEndian.AppendUint16(append(b, eventShort), uint16(v)), nil
	case int32:
		return binary.BigEndian.AppendUint32(append(b, eventInteger), uint32(v)), nil
	case int64:
		return binary.BigEndian.AppendUint64(append(b, eventLong), uint64(v)), nil
	case time.Time:
		return binary.BigEndian.AppendUint64(append(b, eventTime), uint64(v.UnixMilli())), nil
	case [16]byte:
		return append(append(b, eventUUID), v[:]...), nil
	case []byte:
		return appendEventBytes(append(b, eventBytes), v)
	case string:
		return appendEventBytes(append(b, eventString), []byte(v))
	}
	return nil, fmt.Errorf("awsapi: an event header cannot hold a %T", h.Value)
}

func appendEventBytes(b, v []byte) ([]byte, error) {
	if len(v) > 0x7fff {
		return nil, errors.New("awsapi: an event header's value has at most 32767 bytes")
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...), nil
}

var errEvent = errors.New("awsapi: the event stream is damaged")

// ReadEvent reads the next frame, checking both sums; io.EOF means that the
// stream ended between frames.
func ReadEvent(r io.Reader) (*EventMessage, error) {
	var prelude [eventPrelude]byte
	if _, err := io.ReadFull(r, prelude[:]); err != nil {
		return nil, err
	}
	total, headers := binary.BigEndian.Uint32(prelude[:]), binary.BigEndian.Uint32(prelude[4:])
	if binary.BigEndian.Uint32(prelude[8:]) != crc32.ChecksumIEEE(prelude[:8]) {
		return nil, errEvent
	}
	if headers > maxEventHeaders || total < eventOverhead+headers || total-headers-eventOverhead > maxEventPayload {
		return nil, errEvent
	}
	rest := make([]byte, total-eventPrelude)
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, unexpectedEOF(err)
	}
	body, sum := rest[:len(rest)-4], rest[len(rest)-4:]
	if crc32.Update(crc32.ChecksumIEEE(prelude[:]), crc32.IEEETable, body) != binary.BigEndian.Uint32(sum) {
		return nil, errEvent
	}
	list, err := readEventHeaders(body[:headers])
	return &EventMessage{Headers: list, Payload: body[headers:]}, err
}

func unexpectedEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func readEventHeaders(b []byte) ([]EventHeaderValue, error) {
	var list []EventHeaderValue
	for len(b) > 0 {
		n := int(b[0])
		if n == 0 || len(b) < n+2 {
			return nil, errEvent
		}
		h := EventHeaderValue{Name: string(b[1 : 1+n])}
		var err error
		if h.Value, b, err = readEventValue(b[1+n], b[2+n:]); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, nil
}

func readEventValue(kind byte, b []byte) (any, []byte, error) {
	sizes := [...]int{eventTrue: 0, eventFalse: 0, eventByte: 1, eventShort: 2, eventInteger: 4, eventLong: 8, eventBytes: 2, eventString: 2, eventTime: 8, eventUUID: 16}
	if int(kind) >= len(sizes) || len(b) < sizes[kind] {
		return nil, nil, errEvent
	}
	raw, rest := b[:sizes[kind]], b[sizes[kind]:]
	switch kind {
	case eventTrue, eventFalse:
		return kind == eventTrue, rest, nil
	case eventByte:
		return int8(raw[0]), rest, nil
	case eventShort:
		return int16(binary.BigEndian.Uint16(raw)), rest, nil
	case eventInteger:
		return int32(binary.BigEndian.Uint32(raw)), rest, nil
	case eventLong:
		return int64(binary.BigEndian.Uint64(raw)), rest, nil
	case eventTime:
		return time.UnixMilli(int64(binary.BigEndian.Uint64(raw))).UTC(), rest, nil
	case eventUUID:
		return [16]byte(raw), rest, nil
	}
	n := int(binary.BigEndian.Uint16(raw))
	if len(rest) < n {
		return nil, nil, errEvent
	}
	if kind == eventString {
		return string(rest[:n]), rest[n:], nil
	}
	return append([]byte{}, rest[:n]...), rest[n:], nil
}
