package taint

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"time"
)

// keeper prints what it was given, plain and in base64, over two writes, and
// answers it.
const keeper = `# ` + mark + `
import base64
import json
import os
import sys
import urllib.request


def handler(event, context):
    token = os.environ["AWS_SESSION_TOKEN"]
    found = {}
    for path in ("/secretsmanager/get?secretId=fetched", "/systemsmanager/parameters/get?name=target&withDecryption=true"):
        request = urllib.request.Request("http://localhost:2773" + path, headers={"X-Aws-Parameters-Secrets-Token": token})
        with urllib.request.urlopen(request) as response:
            found[path] = response.read().decode()
    value = os.environ["RESOLVED"]
    print("it is", json.dumps(found), base64.b64encode(value.encode()).decode())
    sys.stdout.write("and " + value[:9])
    sys.stdout.flush()
    sys.stdout.write(value[9:] + "\n")
    sys.stdout.flush()
    return {"found": found, "resolved": value}
`

const (
	lambdasKey = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"},` +
		`{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"*"}]}`
	reads = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["secretsmanager:GetSecretValue","ssm:GetParameter","kms:Decrypt",` +
		`"logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`
)

// useCustomersKey runs a function whose code and environment are under a
// customer's key. It gets secrets by a reference and by the extension's
// interface; what it prints of them is in no log, and the reference is shown as
// it is.
func (s *secrets) useCustomersKey() {
	var key struct{ KeyMetadata struct{ Arn string } }
	s.check(json.Unmarshal(s.must("kms:CreateKey", map[string]any{"Policy": lambdasKey}), &key))
	s.must("iam:PutRolePolicy", map[string]any{"RoleName": "target", "PolicyName": "reads", "PolicyDocument": reads})
	s.must("secretsmanager:CreateSecret", map[string]any{"Name": "fetched", "SecretString": mark, "KmsKeyId": key.KeyMetadata.Arn})
	s.must("lambda:CreateFunction", map[string]any{
		"FunctionName": "keeper", "Runtime": "python3.11", "Handler": "fn.handler", "Role": roleARN, "Timeout": 30.0, "KMSKeyArn": key.KeyMetadata.Arn,
		"Code":        map[string]any{"ZipFile": zipOf(s.t, "fn.py", keeper), "SourceKMSKeyArn": key.KeyMetadata.Arn},
		"Environment": map[string]any{"Variables": map[string]any{"RESOLVED": "{{resolve:ssm-secure:target}}"}},
	})
	answer := s.must("lambda:Invoke", map[string]any{"FunctionName": "keeper", "Payload": []byte("{}"), "LogType": "Tail"})
	if n := bytes.Count(answer, []byte(mark)); n < 3 {
		s.t.Errorf("the function got %d of 3 secrets: %s", n, answer)
	}
	for name, in := range map[string]map[string]any{
		"lambda:GetFunction":              {"FunctionName": "keeper"},
		"lambda:GetFunctionConfiguration": {"FunctionName": "keeper"},
		"lambda:PublishVersion":           {"FunctionName": "keeper"},
	} {
		shown := s.must(name, in)
		s.search(name, shown)
		if !bytes.Contains(shown, []byte("{{resolve:ssm-secure:target}}")) {
			s.t.Errorf("%s does not show the reference: %s", name, shown)
		}
	}
	log := s.logOf("keeper", "and ")
	s.search("the function's log", log)
	if !bytes.Contains(log, []byte("[redacted]")) {
		s.t.Errorf("nothing is redacted in %s", log)
	}
}

// logOf waits until a function's log has a word.
func (s *secrets) logOf(function, word string) (log []byte) {
	in := map[string]any{"logGroupName": "/aws/lambda/" + function}
	for range 100 {
		if _, log = s.call(operation("logs:FilterLogEvents"), in, s.root); bytes.Contains(log, []byte(word)) {
			return log
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Errorf("the log of %s has no %q: %s", function, word, log)
	return log
}

// useImportedKey imports material that is the mark's own bytes.
func (s *secrets) useImportedKey() {
	var key struct{ KeyMetadata struct{ KeyId string } }
	s.check(json.Unmarshal(s.must("kms:CreateKey", map[string]any{"Origin": "EXTERNAL"}), &key))
	id := key.KeyMetadata.KeyId
	var parameters struct{ ImportToken, PublicKey []byte }
	s.check(json.Unmarshal(s.must("kms:GetParametersForImport", map[string]any{
		"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}), &parameters))
	public, err := x509.ParsePKIXPublicKey(parameters.PublicKey)
	s.check(err)
	material := mark[:32]
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), []byte(material), nil)
	s.check(err)
	s.must("kms:ImportKeyMaterial", map[string]any{"KeyId": id, "ImportToken": parameters.ImportToken,
		"EncryptedKeyMaterial": wrapped, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"})
	s.must("kms:Encrypt", map[string]any{"KeyId": id, "Plaintext": []byte(mark)})
	s.seen = append(s.seen, material)
}

// agree derives a secret between a key and itself, and keeps it.
func (s *secrets) agree(id string) {
	var public struct{ PublicKey []byte }
	s.check(json.Unmarshal(s.must("kms:GetPublicKey", map[string]any{"KeyId": id}), &public))
	var shared struct{ SharedSecret string }
	s.check(json.Unmarshal(s.must("kms:DeriveSharedSecret", map[string]any{"KeyId": id, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public.PublicKey}), &shared))
	secret, err := base64.StdEncoding.DecodeString(shared.SharedSecret)
	s.check(err)
	if len(secret) != 32 {
		s.t.Errorf("a shared secret of %d bytes", len(secret))
	}
	s.seen = append(s.seen, string(secret))
}
