package registry

import (
	"context"
	"slices"
	"strings"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/seal"
	"cloister/test/wire"
)

// global are AWS's condition keys with what they say of a call that a user
// makes to this node. The others describe callers of another kind, and have
// their table in internal/door.
var global = map[string]string{
	"aws:securetransport": "false", "aws:requestedregion": "us-east-1", "aws:viaawsservice": "false",
	"aws:principaltype": "User", "aws:principalarn": "arn:aws:iam::123456789012:user/nobody", "aws:principalaccount": "123456789012",
	"aws:username": "nobody", "aws:principalisawsservice": "false", "aws:principalorgid": "", "aws:principalorgpaths": "", "aws:userid": "",
	"aws:resourceaccount": "",
}

// TestEveryOperationFillsConditionKeys calls every operation as a user without
// permission, with tags where it takes any, and looks in the audit log which
// condition keys policies could ask for.
func TestEveryOperationFillsConditionKeys(t *testing.T) {
	w := newWorld(t)
	asked := map[string]*question{} // by request id
	for _, r := range w.onTheWire() {
		if r.Class != door.ClassPermission {
			continue
		}
		q := newQuestion(r.Operation)
		a := w.send(wire.New(r.Operation, q.in).Signed(w.node.URL(), w.user))
		if a.status < 400 || !strings.HasPrefix(a.code, "AccessDenied") && a.code != "UnauthorizedOperation" {
			t.Errorf("%s: %d %s", q.op, a.status, a.body)
			continue
		}
		asked[a.requestID] = q
	}
	w.stop()
	keys, err := seal.Open(seal.RootOptions{Dir: w.dir})
	if err != nil {
		t.Fatal(err)
	}
	for entry, err := range audit.Read(context.Background(), w.dir, keys, 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		if q, ok := asked[entry.RequestID]; ok {
			q.check(t, &entry.Record)
			delete(asked, entry.RequestID)
		}
	}
	for _, q := range asked {
		t.Errorf("%s is not in the audit log", q.op)
	}
}

// question is one call with what its tags are to show as.
type question struct {
	op           string
	in           map[string]any
	tags, values bool // tags are named, and given values
}

// taggedElsewhere are the operations whose tags belong to a permission that is
// asked for after the one that is denied.
var taggedElsewhere = []string{"kms:ReplicateKey"}

func newQuestion(op *awsapi.Operation) *question {
	q := &question{op: op.String()}
	maker := wire.Maker{Named: named}
	q.in = maker.Input(op)
	if op.Input == nil || slices.Contains(taggedElsewhere, q.op) {
		return q
	}
	for i := range op.Input.Members {
		m := &op.Input.Members[i]
		if name := strings.ToLower(m.Name); name != "tags" && name != "tagkeys" {
			continue
		}
		if value, values, ok := tagsFor(m.Shape); ok {
			q.in[m.Name], q.tags, q.values = value, true, values
		}
	}
	return q
}

// tagsFor is the tag stage=test, or its key alone, as a shape has it.
func tagsFor(s *awsapi.Shape) (value any, values, ok bool) {
	switch {
	case s.Kind == awsapi.KindMap:
		return map[string]any{"stage": "test"}, true, true
	case s.Kind == awsapi.KindList && s.Elem.Shape.Kind == awsapi.KindString:
		return []any{"stage"}, false, true
	case s.Kind == awsapi.KindList && s.Elem.Shape.Kind == awsapi.KindStructure && len(s.Elem.Shape.Members) == 2:
		tag := s.Elem.Shape.Members
		return []any{map[string]any{tag[0].Name: "stage", tag[1].Name: "test"}}, true, true
	}
	return nil, false, false
}

func (q *question) check(t *testing.T, rec *audit.Record) {
	t.Helper()
	if len(rec.Needs) == 0 || rec.SourceIP != "127.0.0.1" {
		t.Errorf("%s: %d needs, from %q", q.op, len(rec.Needs), rec.SourceIP)
		return
	}
	keys := rec.Needs[len(rec.Needs)-1].Context // of the one that was denied
	for key, want := range global {
		if got := keys[key]; len(got) != 1 || got[0] == "" || want != "" && got[0] != want {
			t.Errorf("%s: %s is %q, not %q", q.op, key, got, want)
		}
	}
	if q.tags && !slices.Equal(keys["aws:tagkeys"], []string{"stage"}) {
		t.Errorf("%s: aws:TagKeys is %q", q.op, keys["aws:tagkeys"])
	}
	if got := keys["aws:requesttag/stage"]; q.values && !slices.Equal(got, []string{"test"}) {
		t.Errorf("%s: aws:RequestTag/stage is %q", q.op, got)
	}
}
