package audit

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// anyText is what a client may send in a header: bytes of any length.
func anyText(t *rapid.T, label string) string {
	b := rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, label)
	return strings.Repeat(string(b), rapid.SampledFrom([]int{1, 1, 30, 3000}).Draw(t, label+" times"))
}

func drawRecord(t *rapid.T) *Record {
	r := &Record{Outcome: Outcome(anyText(t, "outcome")), ReadOnly: rapid.Bool().Draw(t, "read-only")}
	for _, s := range []*string{
		&r.EventID, &r.RequestID, &r.EventSource, &r.EventName, &r.Region, &r.Account, &r.SourceIP, &r.SourceCell, &r.UserAgent,
		&r.ErrorCode, &r.ErrorMessage, &r.Principal.ARN, &r.Principal.AccessKeyID, &r.Principal.RoleARN, &r.Principal.Service,
	} {
		*s = anyText(t, "text")
	}
	for range rapid.SampledFrom([]int{0, 1, 100}).Draw(t, "needs") {
		r.Needs = append(r.Needs, Need{Action: r.EventName, Resource: r.Principal.ARN, Reason: r.ErrorMessage})
		r.Via = append(r.Via, r.EventSource)
	}
	if len(r.Needs) > 0 && rapid.Bool().Draw(t, "context") {
		r.Needs[0].Context = map[string][]string{}
		for range rapid.SampledFrom([]int{1, 40, 70}).Draw(t, "keys") {
			r.Needs[0].Context[anyText(t, "key")] = []string{anyText(t, "value")}
		}
	}
	for range rapid.SampledFrom([]int{0, 1, 20}).Draw(t, "session policies") {
		r.SessionPolicies = append(r.SessionPolicies, SessionPolicy{Name: r.ErrorMessage, Text: r.Principal.ARN})
	}
	r.Request, r.Response = []byte(anyText(t, "request")), []byte(anyText(t, "response"))
	return r
}

// Whatever a record holds, it is stored, within bounds, and can be shown.
func TestEveryRecordFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := encode(drawRecord(t), 7)
		if len(b) > maxRecord {
			t.Fatalf("a record of %d bytes", len(b))
		}
		s := must1(decode(b))(t)
		if s.Seq != 7 || s.Record.Time.IsZero() || s.Record.EventID == "" {
			t.Fatalf("decoded %+v", s)
		}
		must1(json.Marshal(&s.Record))(t)
		if again := must1(decode(encode(&s.Record, 7)))(t); !reflect.DeepEqual(again, s) {
			t.Fatalf("%+v becomes %+v", s, again)
		}
	})
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"", 0, ""}, {"äöü", 3, "ä"}, {"äöü", 4, "äö"},
		{"a\xffb", 9, "a?b"}, {"\xff\xff", 9, "?"}, {"ä", 1, ""}, {"a€", 3, "a"},
	} {
		if got := cutText(c.in, c.n); got != c.want || !utf8.ValidString(got) {
			t.Errorf("cutText(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestBodiesAreJSONOfASaneLength(t *testing.T) {
	for in, want := range map[string]string{
		"":                                       "",
		`{"a":1}`:                                `{"a":1}`,
		`{"a":`:                                  `{"notJSON":5}`,
		`"` + strings.Repeat("x", maxBody) + `"`: `{"truncated":24578}`,
	} {
		if got := boundedBody(json.RawMessage(in)); string(got) != want {
			t.Errorf("%.20q becomes %q, want %q", in, got, want)
		}
	}
}

func TestWhatIsLeftOutIsFilledIn(t *testing.T) {
	before := time.Now()
	r := bounded(&Record{})
	if r.Time.Before(before.Round(0).Add(-time.Second)) || r.Time.Location() != time.UTC {
		t.Errorf("the time is %v", r.Time)
	}
	if other := bounded(&Record{}); len(r.EventID) != 36 || r.EventID[14] != '4' || other.EventID == r.EventID {
		t.Errorf("event ids are %q and %q", r.EventID, other.EventID)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(encode(call(1), 7))
	f.Add(encode(&Record{}, 0))
	f.Add([]byte{0xa1, 0x02, 0xa1, 0x0e, 0x9f})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decode(b); err == nil {
			encode(&s.Record, s.Seq)
		}
	})
}
