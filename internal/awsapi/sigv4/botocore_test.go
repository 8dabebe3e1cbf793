package sigv4

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// botocore finds a Python that has botocore: Debian's, or the one on the path.
func botocore(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(python, "-c", "import botocore.auth").Run() == nil {
			return python
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Python has botocore, which CI must test against: apt-get install python3-boto3")
	}
	t.Skip("no Python has botocore: apt-get install python3-boto3")
	return ""
}

type botocoreCall struct {
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Service   string            `json:"service"`
	Region    string            `json:"region"`
	Body      string            `json:"body"`
	Token     string            `json:"token"`
	Headers   map[string]string `json:"headers"`
	Presigned bool              `json:"presigned"`
}

// drawBotocoreCall draws what botocore alone signs as AWS reads it: paths that
// need normalising, white space inside headers, repeated query names.
func drawBotocoreCall(t *rapid.T) botocoreCall {
	c := drawCall(t)
	if c.service != "s3" {
		c.path += rapid.SampledFrom([]string{"", "/", "//x", "/./x", "/../x", "/x/../", "/..", "/x/y/../../z/"}).Draw(t, "normalise")
	}
	if rapid.Bool().Draw(t, "repeat") {
		c.query = strings.TrimPrefix(c.query+"&k=2&k=1&k=", "&")
	}
	if !c.presigned {
		c.headers["X-Amz-Spaces"] = rapid.StringMatching(`[a-z]( {0,3}[a-z"]){0,5}`).Draw(t, "spaces")
	}
	return botocoreCall{c.method, c.url(), c.service, testRegion, c.body, c.token, c.headers, c.presigned}
}

// arrive is the request as the server sees it, its target untouched.
func (c botocoreCall) arrive(t *testing.T, url string, headers [][2]string) *http.Request {
	t.Helper()
	var text strings.Builder
	target := strings.TrimPrefix(url, "https://example.amazonaws.com")
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: example.amazonaws.com\r\nContent-Length: %d\r\n", c.Method, target, len(c.Body))
	for _, header := range headers {
		fmt.Fprintf(&text, "%s: %s\r\n", header[0], header[1])
	}
	text.WriteString("\r\n" + c.Body)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text.String())))
	if err != nil {
		t.Fatalf("%v: %q", err, text.String())
	}
	return r
}

func TestBotocoreVerifies(t *testing.T) {
	python := botocore(t)
	calls := make([]botocoreCall, 300)
	for i := range calls {
		calls[i] = rapid.Custom(drawBotocoreCall).Example(i)
	}
	input, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/botocore_sign.py")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var signed []struct {
		URL     string
		Headers [][2]string
	}
	if err := json.Unmarshal(output, &signed); err != nil || len(signed) != len(calls) {
		t.Fatalf("%d of %d signed: %v", len(signed), len(calls), err)
	}
	for i, c := range calls {
		r := c.arrive(t, signed[i].URL, signed[i].Headers)
		if err := verify(r, time.Now()); err != nil {
			t.Errorf("%+v: %v\n%s", c, err, signed[i].URL)
		}
	}
}
