package iam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// trustSize bounds a trust policy, in characters without white space.
const trustSize = 2048

// bindTrust checks a trust policy and returns it with the users and roles of
// this node that it names by ARN named by their unique ids instead. That
// is the form in which it decides: it goes on meaning a user that is renamed,
// and never one that is made again under the same name
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).
func (s *Service) bindTrust(r store.Reader, account, document string) (string, error) {
	if err := s.checkTrust(document); err != nil {
		return "", err
	}
	var tree any
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber() // what is not replaced stays as it is written
	if err := d.Decode(&tree); err != nil {
		return "", fmt.Errorf("a trust policy that parsed: %w", err)
	}
	b := binder{r: r, account: account, orgs: s.orgs}
	b.statements(member(tree, "Statement"))
	if b.err != nil || !b.changed {
		return document, b.err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(tree)
	return strings.TrimSpace(out.String()), err
}

func (s *Service) checkTrust(document string) error {
	if _, err := s.parse(policy.KindTrust, document); err != nil {
		return err
	}
	if size(document) > trustSize {
		return overQuota("ACLSizePerRole", trustSize)
	}
	return nil
}

// binder replaces principals in a decoded policy.
type binder struct {
	r       store.Reader
	account string
	orgs    door.Organizations
	changed bool
	err     error
}

func member(v any, name string) any {
	object, _ := v.(map[string]any)
	return object[name]
}

func (b *binder) statements(v any) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, statement := range list {
		b.principals(member(statement, "Principal"))
		b.principals(member(statement, "NotPrincipal"))
	}
}

func (b *binder) principals(v any) {
	object, _ := v.(map[string]any)
	switch names := object["AWS"].(type) {
	case string:
		object["AWS"] = b.bind(names)
	case []any:
		for i, name := range names {
			if text, ok := name.(string); ok {
				names[i] = b.bind(text)
			}
		}
	}
}

// bind gives the unique id for the ARN of a user or role of an account that is
// here, and any other principal as it is. A user or role that does not exist is
// an error.
func (b *binder) bind(name string) string {
	account := accountIn(name)
	resource, ok := strings.CutPrefix(name, "arn:aws:iam::"+account+":")
	if !ok || b.err != nil {
		return name
	}
	var here bool
	if here, b.err = b.isHere(account); !here {
		return name
	}
	id, err := "", error(nil)
	switch {
	case strings.HasPrefix(resource, "user/"):
		id, err = idOf(b.r, userKind, account, name)
	case strings.HasPrefix(resource, "role/"):
		id, err = idOf(b.r, roleKind, account, name)
	default:
		return name
	}
	if absent(err) {
		err = awsapi.Errorf("MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"%s\"", name)
	}
	b.changed, b.err = true, err
	return id
}

// isHere tells whether this node has an account.
func (b *binder) isHere(account string) (bool, error) {
	if account == b.account || b.orgs == nil {
		return account == b.account, nil
	}
	m, err := b.orgs.Of(account)
	return err == nil && m.Exists, err
}

// idOf is the unique id of the entity that has an ARN.
func idOf[T any](r store.Reader, k *kind[T], account, arn string) (string, error) {
	v, err := k.find(r, account, arn[strings.LastIndexByte(arn, '/')+1:])
	if err != nil {
		return "", err
	}
	if k.arn(v) != arn {
		return "", store.ErrNotFound
	}
	return k.entity(v).ID, nil
}
