package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rogpeppe/go-internal/testscript"

	"cloister/internal/awsapi"
	"cloister/internal/node"
	"cloister/test/wire"
)

// call is `call [as USER] SERVICE:OPERATION [MEMBER=VALUE…]`: one signed call.
// A member is a path with dots, a value is text, JSON where the model wants
// more than text, or @FILE. The answer's body goes to stdout, its headers that
// begin with X-Amz to stderr; an error goes to stderr as `STATUS CODE: message`.
// USER is who has logged in, or unsigned, or unknown, or forger.
func call(ts *testscript.TestScript, neg bool, args []string) {
	res, body := send(ts, args)
	if failed := res.StatusCode >= 400; failed != neg {
		ts.Fatalf("%s: %d %s", strings.Join(args, " "), res.StatusCode, body)
	}
	report(ts, res, body)
}

func report(ts *testscript.TestScript, res *http.Response, body []byte) {
	if res.StatusCode >= 400 {
		_, err := fmt.Fprintf(ts.Stderr(), "%d %s: %s\n", res.StatusCode, wire.ErrorCode(res, body), message(body))
		ts.Check(err)
		return
	}
	var headers []string
	for name, values := range res.Header {
		if strings.HasPrefix(name, "X-Amz") {
			headers = append(headers, name+": "+strings.Join(values, ", "))
		}
	}
	sort.Strings(headers)
	_, err := fmt.Fprintln(ts.Stderr(), strings.Join(headers, "\n"))
	ts.Check(err)
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

// message is an error's text, in JSON or XML.
func message(body []byte) string {
	var doc struct {
		Message string
		Upper   string `json:"Message" xml:"Error>Message"`
	}
	var lower struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &lower) == nil && lower.Message != "" {
		return lower.Message
	}
	if xml.Unmarshal(body, &doc) == nil && doc.Upper != "" {
		return doc.Upper
	}
	if text := element(body, "Message"); text != "" { // EC2's
		return text
	}
	return string(body)
}

func send(ts *testscript.TestScript, args []string) (*http.Response, []byte) {
	user := "root"
	if len(args) > 2 && args[0] == "as" {
		user, args = args[1], args[2:]
	}
	if len(args) == 0 {
		ts.Fatalf("usage: call [as USER] SERVICE:OPERATION [MEMBER=VALUE…]")
	}
	op := operation(ts, args[0])
	req := wire.New(op, input(ts, op, args[1:]))
	res, err := client(ts).Do(signed(ts, req, user))
	ts.Check(err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	return res, body
}

func signed(ts *testscript.TestScript, req *wire.Request, user string) *http.Request {
	endpoint, w := ts.Getenv("AWS_ENDPOINT_URL"), worldOf(ts)
	switch user {
	case "unsigned":
		return req.HTTP(endpoint)
	case "unknown":
		return req.Signed(endpoint, aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"})
	case "forger":
		return req.Signed(endpoint, aws.Credentials{AccessKeyID: w.users["root"].AccessKeyID, SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"})
	}
	key, ok := w.users[user]
	if !ok {
		ts.Fatalf("%s has not logged in", user)
	}
	return req.Signed(endpoint, key)
}

// login is `login USER`: an access key for a user, for calls as USER. `login
// USER session ROLE-ARN` takes a session of a role as USER instead.
func login(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 2 {
		ts.Fatalf("usage: login USER [ROLE-ARN]")
	}
	name, words := args[0], []string{"iam:CreateAccessKey", "UserName=" + args[0]}
	if len(args) == 2 {
		words = []string{"as", name, "sts:AssumeRole", "RoleArn=" + args[1], "RoleSessionName=" + name}
		name += "-session"
	}
	res, body := send(ts, words)
	if res.StatusCode != 200 {
		ts.Fatalf("%s: %s", words, body)
	}
	key := aws.Credentials{AccessKeyID: element(body, "AccessKeyId"), SecretAccessKey: element(body, "SecretAccessKey"), SessionToken: element(body, "SessionToken")}
	worldOf(ts).users[name] = key
	ts.Setenv("KEY_ID", key.AccessKeyID)
}

// element is the text of the first element of that name.
func element(document []byte, name string) string {
	_, rest, _ := bytes.Cut(document, []byte("<"+name+">"))
	text, _, _ := bytes.Cut(rest, []byte("</"+name+">"))
	return string(text)
}

// eventually is `eventually PATTERN call…`: the call again and again until its
// answer, good or bad, matches.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || args[1] != "call" {
		ts.Fatalf("usage: eventually PATTERN call…")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	var body []byte
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var res *http.Response
		if res, body = send(ts, args[2:]); pattern.Match(body) {
			report(ts, res, body)
			return
		}
	}
	ts.Fatalf("%s: after 60 s there is no %s in\n%s", strings.Join(args[2:], " "), args[0], body)
}

func operation(ts *testscript.TestScript, name string) *awsapi.Operation {
	service, op, _ := strings.Cut(name, ":")
	for _, s := range node.Services() {
		if s.Name == service && s.Operation(op) != nil {
			return s.Operation(op)
		}
	}
	ts.Fatalf("there is no operation %s", name)
	return nil
}

// client trusts the node's CA and nothing else.
func client(ts *testscript.TestScript) *http.Client {
	pool := x509.NewCertPool()
	if text, err := os.ReadFile(ts.Getenv("AWS_CA_BUNDLE")); err == nil {
		pool.AppendCertsFromPEM(text)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
}

func input(ts *testscript.TestScript, op *awsapi.Operation, args []string) map[string]any {
	in := map[string]any{}
	for _, arg := range args {
		path, text, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("%q is not MEMBER=VALUE", arg)
		}
		put(ts, in, op.Input, strings.Split(path, "."), text)
	}
	return in
}

func put(ts *testscript.TestScript, in map[string]any, s *awsapi.Shape, path []string, text string) {
	for i := range s.Members {
		m := &s.Members[i]
		if m.Name != path[0] {
			continue
		}
		if len(path) == 1 {
			in[m.Name] = value(ts, m.Shape, text)
			return
		}
		inner, _ := in[m.Name].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			in[m.Name] = inner
		}
		put(ts, inner, m.Shape, path[1:], text)
		return
	}
	ts.Fatalf("%s has no member %s", s.Name, path[0])
}

// value reads text as a shape's value.
func value(ts *testscript.TestScript, s *awsapi.Shape, text string) any {
	if file, ok := strings.CutPrefix(text, "@"); ok {
		text = ts.ReadFile(file)
	}
	switch s.Kind {
	case awsapi.KindString:
		return text
	case awsapi.KindBlob:
		return []byte(text)
	case awsapi.KindBoolean:
		return text == "true"
	case awsapi.KindStructure, awsapi.KindList, awsapi.KindMap:
		var v any
		ts.Check(json.Unmarshal([]byte(text), &v))
		return v
	default:
		n, err := strconv.ParseFloat(text, 64)
		ts.Check(err)
		return n
	}
}
