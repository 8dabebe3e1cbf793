package lambda

import (
	"encoding/json"
	"errors"

	"cloister/internal/store"
	"cloister/policy"
)

// statement is one statement of a resource policy, in the form in which
// GetPolicy shows it.
type statement struct {
	Sid       string                       `json:"Sid"`
	Effect    string                       `json:"Effect"`
	Principal any                          `json:"Principal"`
	Action    string                       `json:"Action"`
	Resource  string                       `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// document is the policy as JSON.
func (p *resourcePolicy) document() []byte {
	text, err := json.Marshal(struct {
		Version   string      `json:"Version"`
		ID        string      `json:"Id"`
		Statement []statement `json:"Statement"`
	}{"2012-10-17", "default", p.Statements})
	if err != nil {
		panic(err) // statements hold strings only
	}
	return text
}

// json is the statement alone, as AddPermission answers it.
func (st statement) json() string {
	text, err := json.Marshal(st)
	if err != nil {
		panic(err) // it holds strings only
	}
	return string(text)
}

func noPolicy() error {
	return fail("ResourceNotFoundException", "No policy is associated with the given resource.")
}

func checkPolicyRevision(p *resourcePolicy, want *string) error {
	if want != nil && *want != p.RevisionID {
		return fail("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id")
	}
	return nil
}

func (p *resourcePolicy) find(sid string) int {
	for i := range p.Statements {
		if p.Statements[i].Sid == sid {
			return i
		}
	}
	return -1
}

// maxPolicy is AWS's limit for a function's resource policy, in bytes.
const maxPolicy = 20480

// add puts a statement in. It is parsed as the engine will read it, so that a
// principal nobody can be is refused now.
func (p *resourcePolicy) add(st statement) error {
	if p.find(st.Sid) >= 0 {
		return fail("ResourceConflictException", "The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", st.Sid)
	}
	p.Statements = append(p.Statements, st)
	text := p.document()
	if len(text) > maxPolicy {
		return fail("PolicyLengthExceededException", "The final policy size (%d) is bigger than the limit (%d).", len(text), maxPolicy)
	}
	if _, err := policy.Parse(policy.KindResource, text); err != nil {
		return fail("InvalidParameterValueException", "The provided principal was invalid. Please check the principal and try again.")
	}
	p.RevisionID = newID()
	return nil
}

func (p *resourcePolicy) remove(sid string) bool {
	i := p.find(sid)
	if i < 0 {
		return false
	}
	p.Statements = append(p.Statements[:i], p.Statements[i+1:]...)
	p.RevisionID = newID()
	return true
}

// savePolicy stores p, or removes it when it says nothing any more.
func savePolicy(tx *store.Tx, rows *store.Collection[resourcePolicy], key store.Key, p *resourcePolicy) error {
	if len(p.Statements) == 0 {
		return deleteIfThere(tx, rows, key)
	}
	return rows.Put(tx, key, p)
}

// loadPolicy is the policy at key, empty when there is none.
func loadPolicy(r store.Reader, rows *store.Collection[resourcePolicy], key store.Key) (*resourcePolicy, error) {
	p, err := rows.Get(r, key)
	if errors.Is(err, store.ErrNotFound) {
		return &resourcePolicy{}, nil
	}
	return p, err
}
