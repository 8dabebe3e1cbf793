package awsapi

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestGreedyLabels(t *testing.T) {
	var routes trie
	for _, uri := range []string{"/{Bucket}", "/{Bucket}/{Key+}", "/{Bucket}/{Key+}?tagging", "/apis/{Path+}/deploy", "/apis/{Path+}/{Last}"} {
		routes.add(&Operation{Name: uri, Method: "GET", URI: uri})
	}
	for path, want := range map[string]string{
		"/b":                   "/{Bucket} b",
		"/b/":                  "/{Bucket} b",
		"/b/k":                 "/{Bucket}/{Key+} b k",
		"/b/a//c/":             "/{Bucket}/{Key+} b a//c/",
		"/b//":                 "/{Bucket}/{Key+} b /",
		"/b/a%2Fb/%41+c":       "/{Bucket}/{Key+} b a/b/A+c",
		"/b/../etc":            "/{Bucket}/{Key+} b ../etc",
		"/b/k?tagging":         "/{Bucket}/{Key+}?tagging b k",
		"/b/k?tagging=&x=1":    "/{Bucket}/{Key+}?tagging b k",
		"/apis/a/b/deploy":     "/apis/{Path+}/deploy a/b",
		"/apis/a/b/c":          "/apis/{Path+}/{Last} c a/b",
		"/apis/deploy/deploy":  "/apis/{Path+}/deploy deploy",
		"/apis/a/deploy/other": "/apis/{Path+}/{Last} other a/deploy",
	} {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatal(err)
		}
		op, params := routes.find("GET", u)
		got := "nothing"
		if op != nil {
			got = op.Name
			for _, name := range []string{"Bucket", "Key", "Last", "Path"} {
				if v, ok := params[name]; ok {
					got += " " + v
				}
			}
		}
		if got != want {
			t.Errorf("%s finds %s, want %s", path, got, want)
		}
	}
}

// TestStreamsOfRPCProtocols: awsJson and CBOR send the members beside the
// stream as its first event, and the stream's own exceptions by name.
func TestStreamsOfRPCProtocols(t *testing.T) {
	text := &Shape{Name: "Text", Kind: KindString}
	event := &Shape{Name: "Update", Kind: KindStructure, Members: []Member{{Name: "Line", Shape: text}, {Name: "Kind", Shape: text, Traits: EventHeader, Location: InHeader}}}
	broken := &Shape{Name: "BrokenException", Kind: KindStructure, Traits: Exception, Error: &ErrorInfo{}, Members: []Member{{Name: "message", Shape: text}}}
	stream := &Shape{Name: "Stream", Kind: KindStructure, Traits: EventStream, Members: []Member{{Name: "Update", Shape: event}, {Name: "BrokenException", Shape: broken}}}
	output := &Shape{Name: "Output", Kind: KindStructure, Members: []Member{{Name: "SessionId", Shape: text}, {Name: "Stream", Shape: stream}}}
	type update struct{ Line, Kind *string }
	type answer struct {
		SessionId *string
		Stream    EventSource
	}
	for protocol, want := range map[Protocol][]string{
		JSON11: {`{"SessionId":"s"}`, `{"Line":"l"}`, `{"__type":"BrokenException","message":"gone"}`},
		CBOR:   {"\xbfiSessionIdas\xff", "\xbfdLineal\xff", "\xbff__typeoBrokenExceptiongmessagedgone\xff"},
	} {
		t.Run(protocol.String(), func(t *testing.T) {
			op := &Operation{Name: "Tail", Service: &Service{Name: "test"}, Output: output}
			m := &Match{Service: op.Service, Operation: op, Protocol: protocol}
			w := httptest.NewRecorder()
			err := m.Encode(w, "id", &answer{SessionId: Ptr("s"), Stream: func(_ context.Context, send func(string, any) error) error {
				if err := send("Update", &update{Line: Ptr("l"), Kind: Ptr("k")}); err != nil {
					return err
				}
				if send("Unheard", &update{}) == nil {
					t.Error("an event that the model does not know was sent")
				}
				return Errorf("BrokenException", "gone")
			}})
			if err == nil || !strings.Contains(err.Error(), "gone") {
				t.Errorf("the log would not hear of it: %v", err)
			}
			kinds := []string{"", "k", ""}
			names := []string{"initial-response", "Update", "BrokenException"}
			for i := range names {
				frame, err := ReadEvent(w.Body)
				if err != nil {
					t.Fatal(err)
				}
				name := frame.Header(":event-type") + frame.Header(":exception-type")
				if frame.Header("Kind") != kinds[i] {
					t.Errorf("frame %d has the header Kind %q", i, frame.Header("Kind"))
				}
				if name != names[i] || string(frame.Payload) != want[i] {
					t.Errorf("frame %d is %s %q, want %s %q", i, name, frame.Payload, names[i], want[i])
				}
			}
			if _, err := ReadEvent(w.Body); err != io.EOF {
				t.Errorf("after the last frame: %v", err)
			}
		})
	}
}

// TestDamagedEvents changes every byte of a frame in turn: none goes unnoticed.
func TestDamagedEvents(t *testing.T) {
	frame, err := AppendEvent(nil, &EventMessage{Headers: []EventHeaderValue{{"name", "value"}}, Payload: []byte("payload")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range frame {
		damaged := bytes.Clone(frame)
		damaged[i] ^= 0x10
		if _, err := ReadEvent(bytes.NewReader(damaged)); err == nil {
			t.Errorf("a change of byte %d goes unnoticed", i)
		}
		if _, err := ReadEvent(bytes.NewReader(frame[:i])); err == nil {
			t.Errorf("a frame cut at byte %d goes unnoticed", i)
		}
	}
}

func TestQueryCompatibleErrors(t *testing.T) {
	missing := &Shape{Name: "QueueDoesNotExist", Kind: KindStructure, Traits: Exception, Error: &ErrorInfo{Code: "AWS.SimpleQueueService.NonExistentQueue"}}
	s := &Service{Name: "sqs", QueryCompatible: true, Errors: []*Shape{missing}}
	m := &Match{Service: s, Protocol: JSON10}
	w := httptest.NewRecorder()
	m.EncodeError(w, "id", Errorf("QueueDoesNotExist", "no such queue"))
	if got := w.Header().Get("X-Amzn-Query-Error"); got != "AWS.SimpleQueueService.NonExistentQueue;Sender" {
		t.Errorf("x-amzn-query-error is %q", got)
	}
	if want := `{"__type":"QueueDoesNotExist","message":"no such queue"}`; w.Body.String() != want {
		t.Errorf("the body is %s, want %s", w.Body, want)
	}
}

// TestUnreadBody: an operation that does not stream must be given its body.
func TestUnreadBody(t *testing.T) {
	text := &Shape{Name: "Text", Kind: KindString}
	input := &Shape{Name: "Input", Kind: KindStructure, Members: []Member{{Name: "Name", Shape: text}}}
	op := &Operation{Name: "Op", Service: &Service{}, Input: input}
	m := &Match{Service: op.Service, Operation: op, Protocol: JSON11}
	in := &struct{ Name *string }{}
	req := httptest.NewRequest("POST", "/", strings.NewReader(`{"Name":"n"}`))
	if err := m.Decode(req, nil, in); err == nil {
		t.Errorf("decoded %v from a body that nobody read", in)
	}
	if err := m.Decode(req, []byte(`{"Name":"n"}`), in); err != nil || *in.Name != "n" {
		t.Errorf("decoded %v: %v", in, err)
	}
}

// TestDepth: every decoder stops at its bound, whatever it is given.
func TestDepth(t *testing.T) {
	deep := 10_000
	for name, decode := range map[string]func() error{
		"JSON": func() error {
			s := jsonScanner{data: []byte(strings.Repeat(`[`, deep))}
			return s.skip()
		},
		"CBOR": func() error {
			r := cborReader{data: bytes.Repeat([]byte{0x81}, deep)}
			return r.skip()
		},
		"CBOR tags": func() error {
			r := cborReader{data: bytes.Repeat([]byte{0xc1}, deep)}
			return r.skip()
		},
		"XML": func() error {
			_, err := parseXML([]byte(strings.Repeat(`<a>`, deep)))
			return err
		},
		"form": func() error {
			_, err := formTree(url.Values{strings.Repeat("a.", deep): {""}})
			return err
		},
	} {
		if err := decode(); err != errDepth {
			t.Errorf("%s: %v", name, err)
		}
	}
}
