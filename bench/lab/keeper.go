package lab

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"cloister/bench/load"
)

// Keeper is a server that has a key and secrets, with the calls that are
// measured there. Every call is checked: what was decrypted or read is what it
// must be, and Opens looks into what was encrypted.
type Keeper struct {
	Encrypt, Decrypt, Read *load.Target
	DataKey                *load.Target // nil where it is not measured
	encrypted, dataKey     latest
	// open decrypts as whoever set up the server does.
	open  func(ciphertext string) (plaintext string, err error)
	close func()
}

// secrets is how many secrets are read, and ciphertexts decrypted, in turn.
const secrets = 16

// text is the n-th plaintext or secret: 96 characters.
func text(n int) string {
	return fmt.Sprintf("%096d", n)
}

func encoded(n int) string { return base64.StdEncoding.EncodeToString([]byte(text(n))) }

// Opens decrypts the last answers of Encrypt, and of DataKey if it was called.
func (k *Keeper) Opens() error {
	plaintext, err := k.open(k.encrypted.ciphertext)
	if err == nil && plaintext != encoded(0) {
		err = errors.New("what was encrypted decrypts to something else")
	}
	if err != nil || k.dataKey.ciphertext == "" {
		return err
	}
	plaintext, err = k.open(k.dataKey.ciphertext)
	if err == nil && plaintext != k.dataKey.plaintext {
		err = errors.New("the data key decrypts to something else")
	}
	return err
}

// Close closes the connection that Opens uses.
func (k *Keeper) Close() { k.close() }

// latest checks that answers hold a ciphertext, and keeps that of the last.
type latest struct {
	mu                    sync.Mutex
	ciphertext, plaintext string
}

// check returns the check for the member of an answer that has the ciphertext
// and, if it has a name, that of the plaintext.
func (l *latest) check(ciphertext, plaintext string) func([]byte, int, []byte) error {
	return func(_ []byte, status int, body []byte) error {
		sealed, open := member(body, ciphertext), []byte(nil)
		if plaintext != "" {
			open = member(body, plaintext)
		}
		if status != 200 || len(sealed) < 64 || (plaintext != "" && len(open) < 32) {
			return fmt.Errorf("status %d, without what was asked for: %.300s", status, body)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ciphertext, l.plaintext = string(sealed), string(open)
		return nil
	}
}

// member is the text of a JSON object's member, which needs no unescaping.
func member(body []byte, name string) []byte {
	_, rest, _ := bytes.Cut(body, []byte(`"`+name+`":`))
	_, rest, _ = bytes.Cut(rest, []byte(`"`))
	value, _, found := bytes.Cut(rest, []byte(`"`))
	if !found {
		return nil
	}
	return value
}

// answers are what each of some requests must be answered with.
type answers map[string]string

func (a answers) add(r load.Request, holds string) {
	a[r.Method+" "+r.Path+string(r.Body)] = `"` + holds + `"`
}

func (a answers) check(request []byte, status int, body []byte) error {
	head, content, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	line, _, _ := bytes.Cut(head, []byte(" HTTP/1.1\r\n"))
	want, ok := a[string(line)+string(content)]
	if status != 200 || !ok || !bytes.Contains(body, []byte(want)) {
		return fmt.Errorf("status %d, without %.20s…: %.300s", status, want, body)
	}
	return nil
}

// inTurn asks each of requests in turn.
func inTurn(requests []load.Request) func(client, n int) load.Request {
	return func(client, n int) load.Request { return requests[(client+n)%len(requests)] }
}
