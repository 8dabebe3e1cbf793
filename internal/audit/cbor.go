package audit

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"time"
)

// The encoding of a record is written out here because every call pays for it:
// it is, byte for byte, what the library's encoder makes of the tags of stored,
// which its decoder still reads. A field that is added to a record has to be
// added here: TestEveryFieldIsEncoded says which is missing.

// Major types and simple values of CBOR (RFC 8949, section 3).
const (
	cborUnsigned = 0 << 5
	cborNegative = 1 << 5
	cborBytes    = 2 << 5
	cborText     = 3 << 5
	cborArray    = 4 << 5
	cborMap      = 5 << 5
	cborTrue     = 0xf5
	cborNull     = 0xf6
)

// object is a map that is being appended to b, with small integers as keys.
type object struct {
	b     []byte
	head  int // where it begins
	pairs int
}

func appendObject(b []byte) object { return object{b: append(b, cborMap), head: len(b)} }

// end writes how many pairs there are, which is not known before.
func (o *object) end() []byte {
	var head [9]byte
	return slices.Replace(o.b, o.head, o.head+1, appendHead(head[:0], cborMap, uint64(o.pairs))...)
}

func (o *object) key(k uint64) {
	o.pairs++
	o.b = appendHead(o.b, cborUnsigned, k)
}

func (o *object) text(k uint64, s string) {
	if s != "" {
		o.key(k)
		o.b = appendText(o.b, s)
	}
}

// texts appends strings under consecutive keys, of which first is the first.
func (o *object) texts(first uint64, all ...string) {
	for i, s := range all {
		o.text(first+uint64(i), s)
	}
}

func (o *object) bytes(k uint64, v []byte) {
	if len(v) > 0 {
		o.key(k)
		o.b = append(appendHead(o.b, cborBytes, uint64(len(v))), v...)
	}
}

func (o *object) flag(k uint64, v bool) {
	if v {
		o.key(k)
		o.b = append(o.b, cborTrue)
	}
}

func (o *object) unsigned(k, v uint64) {
	if v != 0 {
		o.key(k)
		o.b = appendHead(o.b, cborUnsigned, v)
	}
}

func (o *object) signed(k uint64, v int64) {
	if v >= 0 {
		o.unsigned(k, uint64(v))
		return
	}
	o.key(k)
	o.b = appendHead(o.b, cborNegative, uint64(^v))
}

// list appends an array whose elements each appends, unless it is empty.
func list[T any](o *object, k uint64, all []T, each func([]byte, *T) []byte) {
	if len(all) == 0 {
		return
	}
	o.key(k)
	o.b = appendHead(o.b, cborArray, uint64(len(all)))
	for i := range all {
		o.b = each(o.b, &all[i])
	}
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, cborText, uint64(len(s))), s...)
}

// appendHead appends a major type and its argument in its shortest form.
func appendHead(b []byte, major byte, v uint64) []byte {
	switch {
	case v < 24:
		return append(b, major|byte(v))
	case v < 1<<8:
		return append(b, major|24, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), v)
}

func appendStored(b []byte, s *stored) []byte {
	o := appendObject(b)
	o.unsigned(1, s.Seq)
	o.key(2)
	o.b = appendRecord(o.b, &s.Record)
	return o.end()
}

func appendRecord(b []byte, r *Record) []byte {
	o := appendObject(b)
	o.key(1)
	o.b = appendTime(o.b, r.Time)
	o.texts(2, r.EventID, r.RequestID, r.EventSource, r.EventName, r.Region, r.Account, r.SourceIP, r.UserAgent)
	o.key(10)
	o.b = appendPrincipal(o.b, &r.Principal)
	o.texts(11, string(r.Outcome), r.ErrorCode, r.ErrorMessage)
	list(&o, 14, r.Needs, appendNeed)
	o.bytes(15, r.Request)
	o.bytes(16, r.Response)
	o.flag(17, r.ReadOnly)
	if len(r.Via) > 0 {
		o.key(18)
		o.b = appendTexts(o.b, r.Via)
	}
	o.text(19, r.SourceCell)
	o.signed(20, r.Count)
	list(&o, 21, r.SessionPolicies, appendSession)
	o.flag(22, r.HasSessionPolicies)
	return o.end()
}

func appendTime(b []byte, t time.Time) []byte {
	var text [len(time.RFC3339Nano)]byte
	formatted := t.AppendFormat(text[:0], time.RFC3339Nano)
	return append(appendHead(b, cborText, uint64(len(formatted))), formatted...)
}

func appendPrincipal(b []byte, p *Principal) []byte {
	o := appendObject(b)
	o.texts(1, p.Type, p.ID, p.ARN, p.Account, p.AccessKeyID, p.RoleARN, p.Service, p.EntityID)
	return o.end()
}

func appendNeed(b []byte, n *Need) []byte {
	o := appendObject(b)
	o.texts(1, n.Action, n.Resource)
	o.flag(3, n.Allowed)
	o.texts(4, n.Reason, n.Policy)
	if len(n.Context) > 0 {
		o.key(6)
		o.b = appendContext(o.b, n.Context)
	}
	o.flag(7, n.ContextCut)
	return o.end()
}

// appendContext appends the keys in the order of RFC 8949, section 4.2.1.
func appendContext(b []byte, context map[string][]string) []byte {
	b = appendHead(b, cborMap, uint64(len(context)))
	for _, key := range slices.SortedFunc(maps.Keys(context), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
	}) {
		b = appendTexts(appendText(b, key), context[key])
	}
	return b
}

func appendTexts(b []byte, all []string) []byte {
	if all == nil {
		return append(b, cborNull)
	}
	b = appendHead(b, cborArray, uint64(len(all)))
	for _, s := range all {
		b = appendText(b, s)
	}
	return b
}

func appendSession(b []byte, p *SessionPolicy) []byte {
	o := appendObject(b)
	o.texts(1, p.Name, p.Text)
	return o.end()
}
