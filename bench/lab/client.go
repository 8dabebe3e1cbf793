package lab

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"cloister/bench/load"
)

// Region and Account are where everything is.
const (
	Region  = "us-east-1"
	Account = "123456789012"
)

// Key is an access key.
type Key struct{ KeyID, Secret string }

// root is the root credential of every node that this package starts.
var root = Key{"AKIABENCHMARKS000000", "a-secret-of-the-benchmarks-and-nobody-else"}

// The variables from which a node takes its root credential.
const (
	rootID     = "CLOISTER_ROOT_ACCESS_KEY_ID"
	rootSecret = "CLOISTER_ROOT_SECRET_ACCESS_KEY"
)

// RootEnvironment is os.Getenv for a node that runs in this process.
func RootEnvironment(name string) string {
	return map[string]string{rootID: root.KeyID, rootSecret: root.Secret}[name]
}

// Signer signs for a service with k.
func (k Key) Signer(service string) load.Signer {
	return load.Signer{KeyID: k.KeyID, Secret: k.Secret, Region: Region, Service: service}
}

// Client sets things up at a server, one call at a time. It is for one goroutine.
type Client struct {
	Address string
	Key     Key
	conn    *load.Conn
}

// Root is a client with the root credential at the server at address.
func Root(address string) *Client {
	return &Client{Address: address, Key: root, conn: load.Client(address)}
}

// RootTLS is Root over TLS.
func RootTLS(address string) *Client {
	return &Client{Address: address, Key: root, conn: load.TLSClient(address)}
}

// Close closes the client's connection.
func (c *Client) Close() { c.conn.Close() }

// call sends one request; an answer that is not a success is an error.
func (c *Client) call(service string, r load.Request) ([]byte, error) {
	signer := c.Key.Signer(service)
	status, body, err := c.conn.Do(signer.Signed(c.Address, &r, time.Now()))
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	if err != nil {
		c.conn.Close()
		return nil, fmt.Errorf("%s %s %.80s: %w", service, r.Path, r.Body, err)
	}
	return body, nil
}

// IAM calls an operation of IAM with pairs of a parameter and its value.
func (c *Client) IAM(action string, pairs ...string) ([]byte, error) {
	form := url.Values{"Action": {action}, "Version": {"2010-05-08"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return c.call("iam", load.Request{Method: "POST", Path: "/", ContentType: FormType, Body: []byte(form.Encode())})
}

// JSON calls an operation of a JSON protocol, TrentService.Encrypt say, and
// reads its answer into out.
func (c *Client) JSON(service, operation string, in, out any) error {
	r, err := jsonRequest(operation, in)
	if err != nil {
		return err
	}
	body, err := c.call(service, r)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, out)
}

func jsonRequest(operation string, in any) (load.Request, error) {
	body, err := json.Marshal(in)
	return load.Request{Method: "POST", Path: "/", ContentType: "application/x-amz-json-1.1", Operation: operation, Body: body}, err
}

// FormType is the content type of query protocols.
const FormType = "application/x-www-form-urlencoded; charset=utf-8"

// accessKey makes a key of a user.
func (c *Client) accessKey(user string) (Key, error) {
	body, err := c.IAM("CreateAccessKey", "UserName", user)
	if err != nil {
		return Key{}, err
	}
	var answer struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	if err := xml.Unmarshal(body, &answer); err != nil || answer.ID == "" {
		return Key{}, errors.Join(fmt.Errorf("no access key in %s", body), err)
	}
	return Key{answer.ID, answer.Secret}, nil
}

// Function makes a function of a zip and waits until it can be invoked.
func (c *Client) Function(name string, zip []byte) error {
	return c.FunctionOf("provided.al2023", "bootstrap", name, zip)
}

// AllowOldRuntimes turns a refusal of runtimes that nobody repairs any more into a
// finding: the interpreter is what this machine has.
func (c *Client) AllowOldRuntimes() error {
	var out struct{}
	return c.JSON("cloister", "Cloister.PutGuardrail", map[string]string{"Guardrail": "CLO-LAMBDA-001", "Mode": "warn"}, &out)
}

// FunctionOf is Function for any runtime.
func (c *Client) FunctionOf(runtime, handler, name string, zip []byte) error {
	body, err := json.Marshal(map[string]any{
		"FunctionName": name, "Runtime": runtime, "Handler": handler, "Role": RoleARN(),
		"Code": map[string]any{"ZipFile": zip}, "MemorySize": 1769, "Timeout": 30,
	})
	if err != nil {
		return err
	}
	if _, err := c.call("lambda", load.Request{Method: "POST", Path: "/2015-03-31/functions", ContentType: "application/json", Body: body}); err != nil {
		return err
	}
	for range 500 {
		body, err := c.call("lambda", load.Request{Method: "GET", Path: "/2015-03-31/functions/" + name + "/configuration", ContentType: "application/json"})
		if err != nil {
			return err
		}
		if strings.Contains(string(body), `"State":"Active"`) || strings.Contains(string(body), `"State": "Active"`) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("the function %s did not become active within 5 s", name)
}
