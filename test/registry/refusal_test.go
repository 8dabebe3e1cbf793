package registry

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/seal"
	"cloister/test/wire"
)

// TestGoldenList: testdata/golden-auth.txt lists every operation that no policy
// decides. A change here is a change to what everybody may do.
func TestGoldenList(t *testing.T) {
	golden, err := os.ReadFile("testdata/golden-auth.txt")
	if err != nil {
		t.Fatal(err)
	}
	var have strings.Builder
	for _, r := range newWorld(t).node.Door().Operations() {
		if r.Class != door.ClassPermission {
			have.WriteString(r.Operation.String() + " " + r.Class.String() + "\n")
		}
	}
	if have.String() != string(golden) {
		t.Errorf("the node leaves without permission:\n%s\nthe golden list says:\n%s\nif that is meant, change testdata/golden-auth.txt, and say why", have.String(), golden)
	}
}

// refusal is one way in which a call must not succeed.
type refusal struct {
	name string
	sign func(w *world, r *wire.Request) *http.Request
	code map[awsapi.Protocol]string
	// open says for which operations it is no refusal.
	open func(door.Class) bool
}

var refusals = []refusal{
	{
		"unsigned",
		func(w *world, r *wire.Request) *http.Request { return r.HTTP(w.node.URL()) },
		map[awsapi.Protocol]string{
			awsapi.EC2Query: "AuthFailure", awsapi.Query: "MissingAuthenticationToken", awsapi.JSON11: "MissingAuthenticationTokenException", awsapi.RestJSON: "MissingAuthenticationTokenException",
		},
		func(c door.Class) bool { return c == door.ClassPublic || c == door.ClassToken },
	},
	{
		"wrongly signed",
		func(w *world, r *wire.Request) *http.Request {
			return r.Signed(w.node.URL(), aws.Credentials{AccessKeyID: w.root.AccessKeyID, SecretAccessKey: "not the secret"})
		},
		map[awsapi.Protocol]string{
			awsapi.EC2Query: "AuthFailure", awsapi.Query: "SignatureDoesNotMatch", awsapi.JSON11: "InvalidSignatureException", awsapi.RestJSON: "InvalidSignatureException",
		},
		func(door.Class) bool { return false },
	},
	{
		"without permission",
		func(w *world, r *wire.Request) *http.Request { return r.Signed(w.node.URL(), w.user) },
		map[awsapi.Protocol]string{
			awsapi.EC2Query: "UnauthorizedOperation", awsapi.Query: "AccessDenied", awsapi.JSON11: "AccessDeniedException", awsapi.RestJSON: "AccessDeniedException",
		},
		func(c door.Class) bool { return c != door.ClassPermission },
	},
}

// TestEveryOperationRefuses walks the registry. The inputs are valid, so that
// it is the authentication or the authorisation that refuses.
func TestEveryOperationRefuses(t *testing.T) {
	w := newWorld(t)
	w.stop()
	before := w.state()
	w.start()
	asked := map[string]string{} // request id → what it was
	for _, r := range w.onTheWire() {
		for _, f := range refusals {
			if f.open(r.Class) {
				continue
			}
			what := r.Operation.String() + " " + f.name
			t.Run(strings.ReplaceAll(what, " ", "_"), func(t *testing.T) {
				asked[w.refused(t, r.Operation, f)] = what
			})
		}
	}
	w.stop()
	w.audited(t, asked)
	sameState(t, before, w.state())
}

// refused makes one call, checks its refusal, and returns its request id.
func (w *world) refused(t *testing.T, op *awsapi.Operation, f refusal) string {
	maker := wire.Maker{Named: named}
	a := w.send(f.sign(w, wire.New(op, maker.Input(op))))
	if want := f.code[op.Service.Protocols[0]]; a.code != want || a.status < 400 || a.status > 499 {
		t.Errorf("%d %s, not %s: %s", a.status, a.code, want, a.body)
	}
	if a.requestID == "" {
		t.Error("the answer has no request id")
	}
	return a.requestID
}

// audited checks that the audit log has each call once, as denied.
func (w *world) audited(t *testing.T, asked map[string]string) {
	keys, err := seal.Open(seal.RootOptions{Dir: w.dir})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for entry, err := range audit.Read(context.Background(), w.dir, keys, 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		what, ok := asked[entry.RequestID]
		if !ok {
			continue
		}
		found[entry.RequestID]++
		if entry.Outcome != audit.Denied || entry.ErrorCode == "" {
			t.Errorf("%s is audited as %s %s", what, entry.Outcome, entry.ErrorCode)
		}
		if !strings.HasSuffix(what, "unsigned") && entry.EventName == "" && !strings.HasPrefix(what, "iam:") && !strings.HasPrefix(what, "sts:") && !strings.HasPrefix(what, "ec2:") {
			t.Errorf("%s: the record does not say what was tried", what) // of query calls only the body would
		}
		if strings.HasSuffix(what, "without permission") && (entry.EventName == "" || len(entry.Needs) == 0 || entry.Principal.ARN == "") {
			t.Errorf("%s: the record does not say who needed what: %+v", what, entry.Record)
		}
	}
	for id, what := range asked {
		if found[id] != 1 {
			t.Errorf("%s is in the audit log %d times", what, found[id])
		}
	}
}

func sameState(t *testing.T, before, after map[string]string) {
	for _, key := range wire.Names(before) {
		if after[key] != before[key] {
			t.Errorf("refused calls changed or removed %s", key)
		}
	}
	for _, key := range wire.Names(after) {
		if _, ok := before[key]; !ok {
			t.Errorf("refused calls made %s", key)
		}
	}
}

// TestStateShowsChanges: the comparison above would see what one call did.
func TestStateShowsChanges(t *testing.T) {
	w := newWorld(t)
	w.stop()
	before := w.state()
	w.start()
	w.must("logs:PutRetentionPolicy", map[string]any{"logGroupName": "target", "retentionInDays": 7.0})
	w.stop()
	after := w.state()
	changed := 0
	for key, hash := range before {
		if after[key] != hash {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("one changed row shows as %d", changed)
	}
}
