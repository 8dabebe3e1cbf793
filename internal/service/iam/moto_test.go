package iam

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestAgainstMoto sends the calls of a list to this service and to moto_server
// and compares the answers: the status, an error's code, and every element that
// both give. The list holds calls of which AWS's documentation leaves no doubt.
func TestAgainstMoto(t *testing.T) {
	moto := startMoto(t)
	h := newHarness(t)
	server := httptest.NewServer(h.Door)
	defer server.Close()
	file, err := os.Open("testdata/moto/calls.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		call := lines.Text()
		ours, theirs := query(t, server.URL, call), query(t, moto, call)
		if ours.status != theirs.status || ours.code != theirs.code {
			t.Errorf("%s\ngives %d %s, moto %d %s", call, ours.status, ours.code, theirs.status, theirs.code)
			continue
		}
		compareElements(t, call, ours, theirs)
	}
}

// startMoto starts moto_server, if it is installed, and returns its address.
func startMoto(t *testing.T) string {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed: pip install 'moto[server]' makes this test run")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(path, "-H", "127.0.0.1", "-p", port)
	cmd.Env = append(os.Environ(), "MOTO_IAM_LOAD_MANAGED_POLICIES=true")
	if err := cmd.Start(); err != nil {
		t.Skipf("moto_server does not start: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 600 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return "http://" + address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Skip("moto_server does not listen: try to run it by hand")
	return ""
}

// reply is an answer taken apart: the texts of each path of elements.
type reply struct {
	status int
	code   string
	texts  map[string][]string
}

// query sends a call in the query protocol, signed by root.
func query(t *testing.T, server, call string) reply {
	t.Helper()
	fields := strings.Split(call, " ")
	form := url.Values{"Action": {fields[0]}, "Version": {"2010-05-08"}}
	for _, f := range fields[1:] {
		name, value, _ := strings.Cut(f, "=")
		value, err := url.PathUnescape(value)
		if err != nil {
			t.Fatal(err)
		}
		form.Set(name, value)
	}
	body := form.Encode()
	req, err := http.NewRequest("POST", server+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: rootKeyID, SecretAccessKey: rootSecret},
		req, hex.EncodeToString(sum[:]), "iam", "us-east-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, texts: elements(t, text)}
	if code := r.texts["ErrorResponse/Error/Code"]; len(code) > 0 {
		r.code = code[0]
	}
	return r
}

// elements gives the texts of an XML document by the path of their elements.
func elements(t *testing.T, text []byte) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	var path []string
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if s := strings.TrimSpace(string(token)); s != "" {
				at := strings.Join(path, "/")
				found[at] = append(found[at], s)
			}
		}
	}
}

// differs lists elements that no two servers give alike, and where moto is
// known to stray from AWS's documentation.
var differs = []string{
	"UserId", "GroupId", "RoleId", "PolicyId", "InstanceProfileId", "CreateDate", "UpdateDate", "RequestId", "Message", "Type",
	"LastUsedDate", // moto invents uses
	"Base32StringSeed", "QRCodePNG", "Content", "GeneratedTime",
}

func compareElements(t *testing.T, call string, ours, theirs reply) {
	t.Helper()
	for path, texts := range theirs.texts {
		name := path[strings.LastIndexByte(path, '/')+1:]
		mine, ok := ours.texts[path]
		if slices.Contains(differs, name) || !ok {
			continue
		}
		slices.Sort(texts)
		slices.Sort(mine)
		if a, b := fmt.Sprint(unescaped(mine)), fmt.Sprint(unescaped(texts)); a != b {
			t.Errorf("%s\n%s is %s, moto's %s", call, path, a, b)
		}
	}
}

// unescaped undoes the encoding of documents, of which there is more than one.
func unescaped(texts []string) []string {
	var out []string
	for _, text := range texts {
		if plain, err := url.QueryUnescape(text); err == nil {
			text = strings.Join(strings.Fields(plain), "")
		}
		out = append(out, text)
	}
	return out
}
