package kms

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door/doortest"
)

// TestAgainstMoto sends the calls of a list to this service and to moto_server
// and compares status and error code. The list holds calls of which AWS's
// documentation leaves no doubt.
func TestAgainstMoto(t *testing.T) {
	moto := doortest.Moto(t)
	h := newHarness(t)
	key := h.Key(h.root, &api.Service)
	file, err := os.Open("testdata/moto/calls.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	ours := &side{names: map[string]string{}, send: func(op, input string) (int, []byte) {
		k := key
		k.Time = h.now
		w := h.Serve(h.Sign(doortest.JSON(api.Service.Operation(op), input), k))
		return w.Code, w.Body.Bytes()
	}}
	theirs := &side{names: map[string]string{}, send: func(op, input string) (int, []byte) {
		r := doortest.JSON(api.Service.Operation(op), input)
		r.URL, r.RequestURI, r.Host = moto, "", moto.Host
		k := key
		k.Time = time.Now()
		if err := k.Sign(r); err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, body
	}}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		op, input, _ := strings.Cut(lines.Text(), " ")
		if a, b := ours.call(op, input), theirs.call(op, input); a != b {
			t.Errorf("%s\ngives %s, moto %s", lines.Text(), a, b)
		}
	}
}

// side is one of the two services, with what it called its keys and ciphertexts.
type side struct {
	send        func(op, input string) (int, []byte)
	names       map[string]string
	keys, blobs int
}

// call gives the status and, of an error, the code.
func (s *side) call(op, input string) string {
	for name, value := range s.names {
		input = strings.ReplaceAll(input, name, value)
	}
	status, body := s.send(op, input)
	var out struct {
		Type           string `json:"__type"`
		CiphertextBlob string
		KeyMetadata    struct{ KeyId string }
	}
	_ = json.Unmarshal(body, &out)
	if op == "CreateKey" && status == 200 {
		s.keys++
		s.names[fmt.Sprint("$KEY", s.keys)] = out.KeyMetadata.KeyId
	}
	if op == "Encrypt" && status == 200 {
		s.blobs++
		s.names[fmt.Sprint("$BLOB", s.blobs)] = out.CiphertextBlob
	}
	return fmt.Sprint(status, " ", out.Type)
}
