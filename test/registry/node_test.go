package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cloister/internal/awsapi"
	_ "cloister/internal/cell/child" // cells are this binary, re-executed
	"cloister/internal/door"
	"cloister/internal/node"
	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/internal/store/pebbleengine"
	"cloister/test/wire"
)

// world is a real node with something in it to lose.
type world struct {
	t    *testing.T
	dir  string
	node *node.Node
	root aws.Credentials
	user aws.Credentials // of a user without any permission
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir()}
	w.start()
	root, err := node.ReadRootCredential(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	w.root = aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: string(root.Secret.Reveal())}
	w.fill()
	return w
}

func (w *world) start() {
	n, err := node.Start(context.Background(), node.Config{Dir: w.dir, Listen: "127.0.0.1:0", Plaintext: true, Getenv: func(string) string { return "" }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.node = n
	w.t.Cleanup(func() { _ = n.Stop() })
}

func (w *world) stop() {
	if err := w.node.Stop(); err != nil {
		w.t.Fatal(err)
	}
}

// answer is what came back of a request.
type answer struct {
	status     int
	requestID  string
	code       string
	body       []byte
	wellFormed bool
}

func (w *world) send(req *http.Request) answer {
	w.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header.Get("X-Amzn-Requestid"), wire.ErrorCode(res, body), body, json.Valid(body) || wellFormedXML(body)}
}

func wellFormedXML(text []byte) bool {
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := decoder.Token(); err == io.EOF {
			return true
		} else if err != nil {
			return false
		}
	}
}

// must makes a call as root.
func (w *world) must(op string, in map[string]any) []byte {
	w.t.Helper()
	a := w.send(wire.New(w.operation(op), in).Signed(w.node.URL(), w.root))
	if a.status/100 != 2 {
		w.t.Fatalf("%s: %d %s", op, a.status, a.body)
	}
	return a.body
}

// onTheWire are the operations that AWS's protocols reach.
func (w *world) onTheWire() []door.Registered {
	return slices.DeleteFunc(w.node.Door().Operations(), func(r door.Registered) bool { return r.Class == door.ClassFront })
}

func (w *world) operation(name string) *awsapi.Operation {
	w.t.Helper()
	for _, r := range w.onTheWire() {
		if r.Operation.String() == name {
			return r.Operation
		}
	}
	w.t.Fatalf("the node has no operation %s", name)
	return nil
}

const (
	allowLambda = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:*","Resource":"*"}]}`
	trust       = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	roleARN     = "arn:aws:iam::123456789012:role/target"

	allowAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*","Resource":"*"}]}`
	versionID = "00000000-0000-0000-0000-000000000001"

	logGroupARN = "arn:aws:logs:us-east-1:123456789012:log-group:target"
)

// named are the names of what fill makes: a call that is let through by
// mistake finds something to change.
var named = map[string]string{
	"username": "target", "groupname": "target", "rolename": "target", "policyname": "target",
	"policyarn": "arn:aws:iam::123456789012:policy/target", "role": roleARN, "rolearn": roleARN,
	"rolesessionname": "session", "functionname": "target", "layername": "target", "loggroupname": "target",
	"logstreamname": "target", "resourcearn": "arn:aws:lambda:us-east-1:123456789012:function:target",
	"resource": "arn:aws:lambda:us-east-1:123456789012:function:target", "arn": "arn:aws:lambda:us-east-1:123456789012:layer:target:1",
	"loggroupidentifier": "target", "logstreamnameprefix": "target", "policydocument": allowLambda, "assumerolepolicydocument": trust,
	"versionid": "v1", "functionversion": "1", "name": "target", "principal": "lambda.amazonaws.com", "action": "lambda:InvokeFunction",
	"statementid": "target", "aliasname": "alias/target", "policy": allowLambda, "newpolicydocument": allowLambda,

	"email": "target@example.org", "accountid": "123456789012", "childid": "123456789012", "targetid": "123456789012",
	"resourceid": "123456789012", "policyid": "p-FullAWSAccess", "content": allowLambda,

	"principalarn": roleARN, "accessrole": roleARN, "cloudtrailarn": "arn:aws:cloudtrail:us-east-1:123456789012:trail/target",
	"analyzerarn": "arn:aws:access-analyzer:us-east-1:123456789012:analyzer/target", "analyzername": "target", "rulename": "target",
	"access-analyzer:TagResource.resourcearn":         "arn:aws:access-analyzer:us-east-1:123456789012:analyzer/target",
	"access-analyzer:UntagResource.resourcearn":       "arn:aws:access-analyzer:us-east-1:123456789012:analyzer/target",
	"access-analyzer:ListTagsForResource.resourcearn": "arn:aws:access-analyzer:us-east-1:123456789012:analyzer/target",
	"access-analyzer:GetAnalyzedResource.resourcearn": roleARN, "access-analyzer:StartResourceScan.resourcearn": roleARN,
	"secretid": "target", "secretsmanager:GetSecretValue.versionid": versionID, "movetoversionid": versionID, "removefromversionid": versionID,
	"resourcepolicy": allowAll, "ssm:PutParameter.name": "target",
	"ssm:AddTagsToResource.resourceid": "target", "ssm:RemoveTagsFromResource.resourceid": "target", "ssm:ListTagsForResource.resourceid": "target",

	"lambda:AddLayerVersionPermission.action": "lambda:GetLayerVersion", "lambda:AddLayerVersionPermission.principal": "*",
	"logs:DescribeLogStreams.loggroupname": "target", "logs:FilterLogEvents.loggroupname": "target", "logs:GetLogEvents.loggroupname": "target",
	"ec2:CreateTags.key": "stage", "ec2:CreateTags.value": "test", "cidrblock": "10.0.0.0/16", "ruleaction": "deny", "protocol": "-1",
	"logs:ListTagsForResource.resourcearn": logGroupARN, "logs:TagResource.resourcearn": logGroupARN, "logs:UntagResource.resourcearn": logGroupARN,
}

// fill makes one of everything.
func (w *world) fill() {
	w.must("iam:CreateUser", map[string]any{"UserName": "target"})
	w.must("iam:CreateGroup", map[string]any{"GroupName": "target"})
	w.must("iam:AddUserToGroup", map[string]any{"GroupName": "target", "UserName": "target"})
	w.must("iam:CreateRole", map[string]any{"RoleName": "target", "AssumeRolePolicyDocument": trust})
	w.must("iam:CreatePolicy", map[string]any{"PolicyName": "target", "PolicyDocument": allowLambda})
	w.must("iam:CreateUser", map[string]any{"UserName": "nobody"})
	w.user = accessKey(w.t, w.must("iam:CreateAccessKey", map[string]any{"UserName": "nobody"}))
	w.must("organizations:CreateOrganization", nil)
	w.nameNetwork()
	w.must("logs:CreateLogGroup", map[string]any{"logGroupName": "target"})
	w.must("logs:CreateLogStream", map[string]any{"logGroupName": "target", "logStreamName": "target"})
	named["keyid"] = keyID(w.t, w.must("kms:CreateKey", map[string]any{}))
	named["targetkeyid"], named["destinationkeyid"] = named["keyid"], named["keyid"]
	w.must("kms:CreateAlias", map[string]any{"AliasName": "alias/target", "TargetKeyId": named["keyid"]})
	w.must("secretsmanager:CreateSecret", map[string]any{"Name": "target", "SecretString": "secret", "ClientRequestToken": versionID})
	w.must("ssm:PutParameter", map[string]any{"Name": "target", "Value": "value", "Type": "SecureString"})
	w.must("lambda:CreateFunction", map[string]any{
		"FunctionName": "target", "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": roleARN,
		"Code": map[string]any{"ZipFile": bootstrap(w.t)},
	})
	w.must("lambda:PublishVersion", map[string]any{"FunctionName": "target"})
	w.must("lambda:CreateAlias", map[string]any{"FunctionName": "target", "Name": "target", "FunctionVersion": "1"})
	w.must("lambda:PublishLayerVersion", map[string]any{"LayerName": "target", "Content": map[string]any{"ZipFile": bootstrap(w.t)}})
}

// nameNetwork finds the ids of the account's default network.
func (w *world) nameNetwork() {
	for member, op := range map[string]string{
		"vpcid": "ec2:DescribeVpcs", "subnetid": "ec2:DescribeSubnets", "groupid": "ec2:DescribeSecurityGroups", "networkaclid": "ec2:DescribeNetworkAcls",
		"routetableid": "ec2:DescribeRouteTables", "internetgatewayid": "ec2:DescribeInternetGateways",
	} {
		id := regexp.MustCompile(`<` + member + `>([^<]+)<`).FindStringSubmatch(strings.ReplaceAll(strings.ToLower(string(w.must(op, nil))), " ", ""))
		if id == nil {
			w.t.Fatalf("%s gives no %s", op, member)
		}
		named[member] = id[1]
	}
	named["ec2:CreateTags.resources"], named["ec2:DeleteTags.resources"] = named["vpcid"], named["vpcid"]
}

func accessKey(t *testing.T, document []byte) aws.Credentials {
	var doc struct {
		Key struct{ AccessKeyId, SecretAccessKey string } `xml:"CreateAccessKeyResult>AccessKey"`
	}
	if err := xml.Unmarshal(document, &doc); err != nil || doc.Key.SecretAccessKey == "" {
		t.Fatalf("no access key in %s: %v", document, err)
	}
	return aws.Credentials{AccessKeyID: doc.Key.AccessKeyId, SecretAccessKey: doc.Key.SecretAccessKey}
}

func keyID(t *testing.T, document []byte) string {
	var doc struct{ KeyMetadata struct{ KeyId string } }
	if err := json.Unmarshal(document, &doc); err != nil || doc.KeyMetadata.KeyId == "" {
		t.Fatalf("no key in %s: %v", document, err)
	}
	return doc.KeyMetadata.KeyId
}

// unlike are the tables whose rows a refused call may touch: they say that it
// was refused, and which key it was signed with.
var unlike = []string{"audit_outbox", "audit_heads", "iam.keyuse", "iam.attempt"}

// state lists every row of the stopped node's store, by key and hash of its
// value as sealed, every blob and every wrapping key.
func (w *world) state() map[string]string {
	w.t.Helper()
	state := map[string]string{}
	keys, err := seal.Open(seal.RootOptions{Dir: w.dir})
	if err != nil {
		w.t.Fatal(err)
	}
	engine, err := pebbleengine.Open(filepath.Join(w.dir, "store"), keys)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	err = engine.View(context.Background(), func(r store.EngineReader) error {
		for pair, err := range r.Scan(store.Range{To: bytes.Repeat([]byte{0xff}, 9)}) {
			if err != nil {
				return err
			}
			if key := string(pair.Key); !mentions(key, unlike) {
				state[fmt.Sprintf("row %q", key)] = fmt.Sprintf("%x", sha256.Sum256(pair.Value))
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.blobs(state)
	return state
}

func (w *world) blobs(state map[string]string) {
	for _, dir := range []string{"blobs", "wrapping"} {
		err := filepath.WalkDir(filepath.Join(w.dir, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			state[dir+" "+d.Name()] = fmt.Sprintf("%x", sha256.Sum256(text))
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func mentions(s string, words []string) bool {
	for _, word := range words {
		if strings.Contains(s, word) {
			return true
		}
	}
	return false
}
