package kms

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
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
	moto := startMoto(t)
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

// startMoto starts moto_server, if it is installed, and gives its address.
func startMoto(t *testing.T) *url.URL {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed: pip install 'moto[server]' makes this test run")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-H", "127.0.0.1", "-p", fmt.Sprint(address.Port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 600 {
		if conn, err := net.Dial("tcp", address.String()); err == nil {
			_ = conn.Close()
			return &url.URL{Scheme: "http", Host: address.String(), Path: "/"}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Skip("moto_server does not start here")
	return nil
}
