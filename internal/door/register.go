package door

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/store"
)

// entry is a registered operation, its types erased.
type entry struct {
	op     *awsapi.Operation
	class  Class
	writes bool
	reads  bool // as the audit log says: it changes nothing
	newIn  func() any
	// identify finds who calls an operation that is authenticated by its input.
	identify func(c *Call, in any) error
	resolve  func(c *Call, r store.Reader, in any) ([]Need, error)
	run      func(c *Call, in any) (any, error)
}

// Write registers an operation that changes state: the handler runs in a
// transaction that also holds the authorisation's second look and the audit
// leaf. The handler may run more than once.
func Write[In, Out any](d *Door, op awsapi.Op[In, Out], auth Auth[In], handler func(c *Call, tx *store.Tx, in *In) (*Out, error)) {
	e := newEntry(op, auth)
	e.writes, e.reads = true, false
	e.run = writing(handler)
	d.register(e)
}

func writing[In, Out any](handler func(c *Call, tx *store.Tx, in *In) (*Out, error)) func(*Call, any) (any, error) {
	return func(c *Call, in any) (any, error) {
		if err := c.View(c.recheck); err != nil {
			return nil, err
		}
		var out *Out
		err := c.Commit(func(tx *store.Tx) (err error) {
			out, err = handler(c, tx, in.(*In))
			return err
		})
		return out, err
	}
}

// Read registers an operation that only reads. Its authorisation and its
// handler see the same snapshot.
func Read[In, Out any](d *Door, op awsapi.Op[In, Out], auth Auth[In], handler func(c *Call, r store.Reader, in *In) (*Out, error)) {
	e := newEntry(op, auth)
	e.run = reading(handler)
	d.register(e)
}

func reading[In, Out any](handler func(c *Call, r store.Reader, in *In) (*Out, error)) func(*Call, any) (any, error) {
	return func(c *Call, in any) (any, error) {
		var out *Out
		err := c.View(func(r store.Reader) (err error) {
			if err := c.recheck(r); err != nil {
				return err
			}
			out, err = handler(c, r, in.(*In))
			return err
		})
		return out, err
	}
}

// ReadOrWrite registers an operation that only reads but for the inputs of which
// writes says so. Those are handled in a transaction, as with Write, which tx
// is then; for the others tx is nil.
func ReadOrWrite[In, Out any](d *Door, op awsapi.Op[In, Out], auth Auth[In], writes func(*In) bool, handler func(c *Call, r store.Reader, tx *store.Tx, in *In) (*Out, error)) {
	e := newEntry(op, auth)
	read := reading(func(c *Call, r store.Reader, in *In) (*Out, error) { return handler(c, r, nil, in) })
	write := writing(func(c *Call, tx *store.Tx, in *In) (*Out, error) { return handler(c, tx, tx, in) })
	e.run = func(c *Call, in any) (any, error) {
		if writes(in.(*In)) {
			return write(c, in)
		}
		return read(c, in)
	}
	d.register(e)
}

// Act registers an operation with outside effects: an invocation, or a change
// that prepares something (a blob, a key) before it commits. If it changes
// state it does so through Call.Commit, once.
func Act[In, Out any](d *Door, op awsapi.Op[In, Out], auth Auth[In], handler func(c *Call, in *In) (*Out, error)) {
	e := newEntry(op, auth)
	e.reads = readsByName(op.Name)
	e.run = func(c *Call, in any) (any, error) {
		if err := c.View(c.recheck); err != nil {
			return nil, err
		}
		return handler(c, in.(*In))
	}
	d.register(e)
}

// readsByName says whether an operation that is registered with Act changes
// nothing, as CloudTrail's readOnly has it: the verbs of lists and reads, and
// what the security services compute.
func readsByName(name string) bool {
	switch name {
	case "Encrypt", "Decrypt", "ReEncrypt", "GenerateMac", "GenerateRandom", "VerifyMac", "Verify", "Sign", "DeriveSharedSecret":
		return true
	}
	return slices.ContainsFunc([]string{
		"Get", "List", "Describe", "BatchGet", "Search", "Filter", "Check", "Validate", "Simulate", "Decode", "Explain",
		"GenerateDataKey", "AssumeRole",
	}, func(verb string) bool { return strings.HasPrefix(name, verb) })
}

func newEntry[In, Out any](op awsapi.Op[In, Out], auth Auth[In]) *entry {
	identifies := auth.class == ClassToken || auth.class == ClassFront
	decided := auth.class == ClassPermission || identifies
	if auth.class == 0 || decided != (auth.resolve != nil) || identifies != (auth.identify != nil) {
		panic(fmt.Sprintf("door: %s is registered without its permission", op.Name))
	}
	e := &entry{op: op.Operation, class: auth.class, reads: true, newIn: func() any { return new(In) }}
	if auth.resolve != nil {
		e.resolve = func(c *Call, r store.Reader, in any) ([]Need, error) { return auth.resolve(c, r, in.(*In)) }
	}
	if auth.identify != nil {
		e.identify = func(c *Call, in any) error { return e.identified(c, auth.identify(c, in.(*In))) }
	}
	return e
}

// unsigned tells whether callers need not sign.
func (e *entry) unsigned() bool { return e.class == ClassPublic || e.class == ClassToken }

func (d *Door) register(e *entry) {
	if _, twice := d.entries[e.op]; twice {
		panic(fmt.Sprintf("door: %s is registered twice", e.op.Name))
	}
	d.entries[e.op] = e
	if e.unsigned() {
		d.publicForms = d.publicForms || speaksForms(e.op.Service)
	}
}

func speaksForms(s *awsapi.Service) bool {
	return slices.Contains(s.Protocols, awsapi.Query) || slices.Contains(s.Protocols, awsapi.EC2Query)
}

// Registered describes one registered operation.
type Registered struct {
	Operation *awsapi.Operation
	Class     Class
	Writes    bool
}

// Operations lists what is registered, by service and name.
func (d *Door) Operations() []Registered {
	var all []Registered
	for op, e := range d.entries {
		all = append(all, Registered{op, e.class, e.writes})
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i].Operation, all[j].Operation
		if a.Service.Name != b.Service.Name {
			return a.Service.Name < b.Service.Name
		}
		return a.Name < b.Name
	})
	return all
}
