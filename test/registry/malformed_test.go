package registry

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	"cloister/test/wire"
)

// malformation spoils a valid request.
type malformation struct {
	name  string
	spoil func(r *wire.Request)
	// may says whether an operation can be spoilt in this way.
	may func(op *awsapi.Operation) bool
	// harmless requests may succeed: what is spoilt may be none of theirs.
	harmless bool
}

func hasDocument(op *awsapi.Operation) bool {
	return wire.HasBody(op) && op.Input != nil && !isQuery(op) && !rawBody(op)
}

// rawBody operations take any bytes for a body: what they mean is for others.
func rawBody(op *awsapi.Operation) bool {
	for i := range op.Input.Members {
		if m := &op.Input.Members[i]; m.Name == op.Input.Payload && m.Shape.Kind == awsapi.KindBlob {
			return true
		}
	}
	return false
}

func always(*awsapi.Operation) bool { return true }

var malformations = []malformation{
	{"truncated JSON", func(r *wire.Request) { r.Body = []byte(`{"FunctionName": "tar`) }, hasDocument, false},
	{"a list for a document", func(r *wire.Request) { r.Body = []byte(`[1, 2]`) }, hasDocument, false},
	{"no JSON at all", func(r *wire.Request) { r.Body = []byte("\xff\xfe<xml/>\x00") }, hasDocument, false},
	{"deep nesting", func(r *wire.Request) { r.Body = []byte(`{"a":` + strings.Repeat(`[`, 100_000)) }, hasDocument, false},
	{"deep nesting that closes", func(r *wire.Request) {
		r.Body = []byte(`{"a":` + strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat(`}`, 20_001))
	}, hasDocument, true},
	{"wrong types", wrongTypes, func(op *awsapi.Operation) bool { return hasDocument(op) && len(bodyMembers(op)) > 0 }, false},
	{"garbage in the query", func(r *wire.Request) {
		sep := "?"
		if strings.Contains(r.Path, "?") {
			sep = "&"
		}
		r.Path += sep + "a=%00%ff&=&&b%5B%5D=%7B&MaxItems=x&Marker=%FF&Qualifier=%2F..%2F"
	}, always, true},
	{"a garbage form", func(r *wire.Request) {
		r.Body = append(r.Body, "&%zz=%&Tags.member.99999999.Key=a&=&UserName.member.1=x&a;b"...)
	}, isQuery, true},
	{"a form with absurd indices", func(r *wire.Request) {
		r.Body = append(r.Body, "&Tags.member.-1.Key=a&Tags.member.18446744073709551616.Key=a&PolicyArns.member.1000000=x&TagKeys.member.x=1"...)
	}, isQuery, true},
	{"a huge header", func(r *wire.Request) { r.Header.Set("X-Amz-Client-Context", strings.Repeat("a", 60_000)) }, always, true},
}

func isQuery(op *awsapi.Operation) bool {
	return op.Service.Protocols[0] == awsapi.Query || op.Service.Protocols[0] == awsapi.EC2Query
}

func bodyMembers(op *awsapi.Operation) (list []*awsapi.Member) {
	for i := range op.Input.Members {
		if m := &op.Input.Members[i]; m.Location == awsapi.InBody {
			list = append(list, m)
		}
	}
	return list
}

// wrongTypes gives every member of the body what it cannot be.
func wrongTypes(r *wire.Request) {
	var parts []string
	for _, m := range bodyMembers(r.Operation) {
		name := m.Name
		if m.LocationName != "" {
			name = m.LocationName
		}
		wrong := `{"a":[{}]}`
		if m.Shape.Kind == awsapi.KindStructure || m.Shape.Kind == awsapi.KindMap {
			wrong = `"text"`
		}
		parts = append(parts, `"`+name+`":`+wrong)
	}
	r.Body = []byte("{" + strings.Join(parts, ",") + "}")
}

// TestMalformedRequests sends, as root, what no client should. The answer is
// the sender's fault, in AWS's form, and never the node's.
func TestMalformedRequests(t *testing.T) {
	w := newWorld(t)
	for _, r := range w.onTheWire() {
		for _, m := range malformations {
			if !m.may(r.Operation) {
				continue
			}
			t.Run(strings.ReplaceAll(r.Operation.String()+" "+m.name, " ", "_"), func(t *testing.T) {
				maker := wire.Maker{Named: named}
				req := wire.New(r.Operation, maker.Input(r.Operation))
				m.spoil(req)
				signed := req.Signed(w.node.URL(), w.root)
				a := w.send(signed)
				w.blamesSender(t, signed, a, m.harmless)
			})
		}
	}
}

// A header beyond all bounds is refused by Go's server, which closes the
// connection; whether the client still reads the answer is up to TCP.
func TestAHeaderBeyondAllBounds(t *testing.T) {
	w := newWorld(t)
	address := strings.TrimPrefix(w.node.URL(), "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Garbage: "+strings.Repeat("a", 200_000)+"\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	if status, _, _ := strings.Cut(string(answer), "\r\n"); status != "" && !strings.HasPrefix(status, "HTTP/1.1 431") {
		t.Errorf("got %q", status)
	}
	response, err := http.Get(w.node.URL())
	if err != nil {
		t.Fatalf("the node does not answer any more: %v", err)
	}
	_ = response.Body.Close()
}

func (w *world) blamesSender(t *testing.T, req *http.Request, a answer, harmless bool) {
	switch {
	case a.status < 300 && harmless:
	case a.status < 400 || a.status > 499:
		t.Errorf("%s %.80s: %d %.300s", req.Method, req.URL, a.status, a.body)
	case a.code == "" || !a.wellFormed:
		t.Errorf("%s %.80s: not AWS's form: %d %.300s", req.Method, req.URL, a.status, a.body)
	}
}
