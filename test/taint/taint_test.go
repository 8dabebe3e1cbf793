package taint

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/node"
	"cloister/internal/seal"
	"cloister/test/wire"
)

// mark is in every secret that the test hands out. Its length makes any run of
// three letters or more in base64 distinct.
const mark = "taintedsecretvalue0123456789tainted"

const (
	trust   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	roleARN = "arn:aws:iam::123456789012:role/target"
)

// handler prints nothing by itself; its source and its environment are secret.
const handler = `# ` + mark + `
import os
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no secret here")
    return os.environ["PASSWORD"]
`

// secrets is a node whose every input that can be secret carries the mark.
type secrets struct {
	t    *testing.T
	dir  string
	url  string
	root aws.Credentials
	seen []string // secrets that the node itself made and answered
}

// TestSecretsAreNowhere puts marked values through every sensitive member of
// every operation, and through a function's code and environment, and then
// looks for them, plain and in base64, where nothing of them may be.
func TestSecretsAreNowhere(t *testing.T) {
	s := &secrets{t: t, dir: filepath.Join(t.TempDir(), "data")}
	output, stop := s.start()
	s.useFunction()
	s.useSecrets()
	s.useKeys()
	s.useDevice()
	s.useImportedKey()
	s.useCustomersKey()
	s.must("cloister:RotateSeal", map[string]any{})
	marked := s.everyOperation()
	if marked < 15 {
		t.Errorf("only %d values were marked: the models' marks are not seen", marked)
	}
	s.search("the output of the running node", output())
	stop()
	s.search("the node's output", output())
	s.searchFiles()
	s.searchAudit()
}

// start runs the binary, because what it writes counts, too.
func (s *secrets) start() (output func() []byte, stop func()) {
	binary := os.Getenv("CLOISTER_BIN")
	if binary == "" {
		binary = filepath.Join(s.t.TempDir(), "cloister")
		build := exec.Command("go", "build", "-o", binary, "cloister/cmd/cloister")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			s.t.Fatalf("%v\n%s", err, text)
		}
	}
	log := filepath.Join(s.t.TempDir(), "output")
	file, err := os.Create(log)
	s.check(err)
	cmd := exec.Command(binary, "up", "--verbose", "--plaintext", "--data", s.dir, "--listen", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = file
	stdout, err := cmd.StdoutPipe()
	s.check(err)
	s.check(cmd.Start())
	line := make([]byte, 100)
	n, err := stdout.Read(line)
	s.check(err)
	s.url = strings.TrimSpace(strings.TrimPrefix(string(line[:n]), "ready "))
	root, err := node.ReadRootCredential(s.dir)
	s.check(err)
	s.root = aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: string(root.Secret.Reveal())}
	stop = func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }
	s.t.Cleanup(stop)
	return func() []byte { text, _ := os.ReadFile(log); return text }, stop
}

func (s *secrets) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *secrets) call(op *awsapi.Operation, in map[string]any, key aws.Credentials) (int, []byte) {
	res, err := http.DefaultClient.Do(wire.New(op, in).Signed(s.url, key))
	s.check(err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	s.check(err)
	return res.StatusCode, body
}

func (s *secrets) must(name string, in map[string]any) []byte {
	s.t.Helper()
	status, body := s.call(operation(name), in, s.root)
	if status/100 != 2 {
		s.t.Fatalf("%s: %d %s", name, status, body)
	}
	return body
}

func operation(name string) *awsapi.Operation {
	service, op, _ := strings.Cut(name, ":")
	for _, s := range node.Services() {
		if s.Name == service {
			return s.Operation(op)
		}
	}
	return nil
}

// useFunction deploys and runs a function with secrets in its code, its
// environment, its event, its answer and its client context.
func (s *secrets) useFunction() {
	s.must("iam:CreateRole", map[string]any{"RoleName": "target", "AssumeRolePolicyDocument": trust})
	s.must("iam:CreateUser", map[string]any{"UserName": "target"})
	s.remember(s.must("iam:CreateAccessKey", map[string]any{"UserName": "target"}))
	s.remember(s.must("sts:GetSessionToken", map[string]any{}))
	create := map[string]any{
		"FunctionName": "target", "Runtime": "python3.11", "Handler": "fn.handler", "Role": roleARN, "Timeout": 30.0,
		"Code": map[string]any{"ZipFile": zipOf(s.t, "fn.py", handler)}, "Environment": map[string]any{"Variables": map[string]any{"PASSWORD": mark}},
	}
	if status, body := s.call(operation("lambda:CreateFunction"), create, s.root); status != 400 || !bytes.Contains(body, []byte("CLO-SECRET-001")) {
		s.t.Errorf("a secret in the environment: %d %s", status, body)
	}
	s.must("cloister:PutGuardrail", map[string]any{"Guardrail": "CLO-SECRET-001", "Mode": "warn"})
	s.must("lambda:CreateFunction", create)
	for _, event := range []string{`{"token":"` + mark + `"}`, `{"fail":true,"token":"` + mark + `"}`} {
		in := map[string]any{"FunctionName": "target", "Payload": []byte(event), "LogType": "Tail",
			"ClientContext": base64.StdEncoding.EncodeToString([]byte(`{"custom":{"token":"` + mark + `"}}`))}
		body := s.must("lambda:Invoke", in)
		if !strings.Contains(event, "fail") && !bytes.Contains(body, []byte(mark)) {
			s.t.Errorf("the function does not see its environment: %s", body)
		}
	}
	s.must("lambda:Invoke", map[string]any{"FunctionName": "target", "Payload": []byte(`{"token":"` + mark + `"}`), "InvocationType": "Event"})
}

// useSecrets puts secrets and parameters and reads them in every way.
func (s *secrets) useSecrets() {
	s.must("secretsmanager:CreateSecret", map[string]any{"Name": "target", "SecretString": mark})
	s.must("secretsmanager:PutSecretValue", map[string]any{"SecretId": "target", "SecretBinary": []byte(mark)})
	s.must("ssm:PutParameter", map[string]any{"Name": "target", "Value": mark, "Type": "SecureString"})
	s.must("ssm:PutParameter", map[string]any{"Name": "/target/plain", "Value": mark, "Type": "String"})
	for name, in := range map[string]map[string]any{
		"secretsmanager:GetSecretValue":      {"SecretId": "target", "VersionStage": "AWSPREVIOUS"},
		"secretsmanager:BatchGetSecretValue": {"SecretIdList": []any{"target"}},
		"ssm:GetParameter":                   {"Name": "target", "WithDecryption": true},
		"ssm:GetParameterHistory":            {"Name": "target", "WithDecryption": true},
		"ssm:GetParametersByPath":            {"Path": "/target"},
	} {
		body := s.must(name, in)
		if !bytes.Contains(body, []byte(mark)) && !bytes.Contains(body, []byte(base64.StdEncoding.EncodeToString([]byte(mark)))) {
			s.t.Errorf("%s does not give the value: %s", name, body)
		}
	}
}

// useKeys encrypts, signs and authenticates marked values under keys, and keeps
// what the node gives away once: data keys and random bytes.
func (s *secrets) useKeys() {
	made := func(in map[string]any) string {
		var out struct{ KeyMetadata struct{ KeyId string } }
		s.check(json.Unmarshal(s.must("kms:CreateKey", in), &out))
		return out.KeyMetadata.KeyId
	}
	id := made(map[string]any{})
	named["keyid"], named["destinationkeyid"] = id, id
	var sealed struct{ CiphertextBlob, Plaintext, PrivateKeyPlaintext []byte }
	s.check(json.Unmarshal(s.must("kms:Encrypt", map[string]any{"KeyId": id, "Plaintext": []byte(mark)}), &sealed))
	if body := s.must("kms:Decrypt", map[string]any{"CiphertextBlob": sealed.CiphertextBlob}); !bytes.Contains(body, []byte(base64.StdEncoding.EncodeToString([]byte(mark)))) {
		s.t.Errorf("Decrypt does not give the plaintext: %s", body)
	}
	s.must("kms:ReEncrypt", map[string]any{"CiphertextBlob": sealed.CiphertextBlob, "DestinationKeyId": id})
	for name, in := range map[string]map[string]any{
		"kms:GenerateDataKey":     {"KeyId": id, "KeySpec": "AES_256"},
		"kms:GenerateDataKeyPair": {"KeyId": id, "KeyPairSpec": "ECC_NIST_P256"},
		"kms:GenerateRandom":      {"NumberOfBytes": 32.0},
	} {
		sealed.Plaintext, sealed.PrivateKeyPlaintext = nil, nil
		s.check(json.Unmarshal(s.must(name, in), &sealed))
		secret := string(sealed.Plaintext) + string(sealed.PrivateKeyPlaintext)
		if len(secret) < 32 {
			s.t.Errorf("%s gives no secret", name)
		}
		s.seen = append(s.seen, secret)
	}
	signer := made(map[string]any{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"})
	s.must("kms:Sign", map[string]any{"KeyId": signer, "Message": []byte(mark), "SigningAlgorithm": "ECDSA_SHA_256"})
	s.agree(made(map[string]any{"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"}))
	mac := made(map[string]any{"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"})
	var answer struct{ Mac []byte }
	s.check(json.Unmarshal(s.must("kms:GenerateMac", map[string]any{"KeyId": mac, "Message": []byte(mark), "MacAlgorithm": "HMAC_SHA_256"}), &answer))
	s.must("kms:VerifyMac", map[string]any{"KeyId": mac, "Message": []byte(mark), "MacAlgorithm": "HMAC_SHA_256", "Mac": answer.Mac})
	s.seen = append(s.seen, string(answer.Mac))
}

// useDevice makes an MFA device, whose seed nothing may show again.
func (s *secrets) useDevice() {
	before := len(s.seen)
	s.remember(s.must("iam:CreateVirtualMFADevice", map[string]any{"VirtualMFADeviceName": "phone"}))
	if len(s.seen) != before+1 || len(s.seen[before]) != 64 {
		s.t.Error("the answer has no seed")
	}
}

// remember keeps the secrets of an answer, to look for them as well.
func (s *secrets) remember(document []byte) {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	name := ""
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return
		}
		s.check(err)
		switch token := token.(type) {
		case xml.StartElement:
			name = token.Name.Local
		case xml.CharData:
			if name == "SecretAccessKey" || name == "SessionToken" {
				s.seen = append(s.seen, string(token))
			}
			if name == "Base32StringSeed" {
				seed, err := base64.StdEncoding.DecodeString(string(token))
				s.check(err)
				s.seen = append(s.seen, string(seed))
			}
			name = ""
		}
	}
}

// named are members that must name something for a call to get far.
var named = map[string]string{
	"functionname": "target", "username": "target", "rolename": "target", "role": roleARN, "rolearn": roleARN, "rolesessionname": "session",
	"runtime": "python3.11", "handler": "fn.handler", "policydocument": trust, "assumerolepolicydocument": trust, "invocationtype": "RequestResponse",
}

// everyOperation calls every operation with each sensitive member marked: with
// all it can have, with no more than it needs, as root and as a stranger.
func (s *secrets) everyOperation() (marked int) {
	for _, service := range node.Services() {
		for _, op := range service.Operations {
			for _, keep := range []func(*awsapi.Member) bool{nil, holdsSecret, func(*awsapi.Member) bool { return true }} {
				maker := wire.Maker{Named: named, Mark: mark, Keep: keep}
				in := maker.Input(op)
				if marked += maker.Marked; maker.Marked == 0 {
					continue
				}
				for _, key := range []aws.Credentials{s.root, {AccessKeyID: s.root.AccessKeyID, SecretAccessKey: mark}, {AccessKeyID: mark, SecretAccessKey: mark}} {
					if key.AccessKeyID == mark {
						key.AccessKeyID = "AKIAUNKNOWN"
					}
					if status, body := s.call(op, in, key); status >= 500 {
						s.t.Errorf("%s: %d %s", op, status, body)
					}
				}
			}
		}
	}
	return marked
}

func holdsSecret(m *awsapi.Member) bool { return secretWithin(m.Shape, m.Is(awsapi.Sensitive), 0) }

func secretWithin(s *awsapi.Shape, secret bool, depth int) bool {
	if secret || s.Is(awsapi.Sensitive) || depth > 5 {
		return secret || s.Is(awsapi.Sensitive)
	}
	for i := range s.Members {
		if m := &s.Members[i]; secretWithin(m.Shape, m.Is(awsapi.Sensitive), depth+1) {
			return true
		}
	}
	return s.Elem != nil && secretWithin(s.Elem.Shape, s.Elem.Is(awsapi.Sensitive), depth+1)
}

// forms are the ways in which a secret may show: as it is, in hexadecimal, and
// in base64 wherever it begins.
func forms(secret string) [][]byte {
	found := [][]byte{[]byte(secret), fmt.Appendf(nil, "%x", secret)}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", shift) + secret))
		inner := encoded[4*((shift+2)/3) : len(encoded)-4]
		found = append(found, []byte(inner), []byte(strings.NewReplacer("+", "-", "/", "_").Replace(inner)))
	}
	return found
}

func (s *secrets) search(where string, text []byte) {
	for _, secret := range append([]string{mark}, s.seen...) {
		for _, form := range forms(secret) {
			if at := bytes.Index(text, form); at >= 0 {
				s.t.Errorf("%s has a secret at %d: …%.120q…", where, at, text[max(at-60, 0):])
				break
			}
		}
	}
}

// searchFiles reads the whole data directory, where only the root credential's
// own file holds a secret in the clear, and that is another.
func (s *secrets) searchFiles() {
	files := 0
	s.check(filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		files++
		s.search(path, text)
		return err
	}))
	if files < 8 {
		s.t.Errorf("the data directory has only %d files", files)
	}
}

// searchAudit opens every audit record and reads it as auditors do.
func (s *secrets) searchAudit() {
	keys, err := seal.Open(seal.RootOptions{Dir: s.dir})
	s.check(err)
	hidden := false
	for entry, err := range audit.Read(context.Background(), s.dir, keys, 0, false) {
		s.check(err)
		text, err := json.Marshal(entry)
		s.check(err)
		s.search(fmt.Sprintf("audit record %d (%s)", entry.Index, entry.EventName), text)
		hidden = hidden || bytes.Contains(text, []byte("HIDDEN_DUE_TO_SECURITY_REASONS"))
	}
	if !hidden {
		s.t.Error("no audit record hides anything: the secrets were not in any input")
	}
}

// TestFormsAreFound: the search sees what it looks for.
func TestFormsAreFound(t *testing.T) {
	for _, prefix := range []string{"", "a", "ab", "abc", "abcd"} {
		text := []byte(base64.StdEncoding.EncodeToString([]byte(prefix + mark + "tail")))
		found := false
		for _, form := range forms(mark) {
			found = found || bytes.Contains(text, form)
		}
		if !found {
			t.Errorf("behind %q the mark is not found in %s", prefix, text)
		}
	}
}
