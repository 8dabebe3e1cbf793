package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	analyzerapi "cloister/internal/awsapi/accessanalyzer"
	restapi "cloister/internal/awsapi/apigateway"
	gatewayapi "cloister/internal/awsapi/apigatewayv2"
	identityapi "cloister/internal/awsapi/cognitoidentity"
	cognitoapi "cloister/internal/awsapi/cognitoidp"
	ec2api "cloister/internal/awsapi/ec2"
	iamapi "cloister/internal/awsapi/iam"
	kmsapi "cloister/internal/awsapi/kms"
	lambdaapi "cloister/internal/awsapi/lambda"
	logsapi "cloister/internal/awsapi/logs"
	orgsapi "cloister/internal/awsapi/organizations"
	"cloister/internal/awsapi/platform"
	smapi "cloister/internal/awsapi/secretsmanager"
	ssmapi "cloister/internal/awsapi/ssm"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/internal/blob"
	"cloister/internal/dial"
	"cloister/internal/door"
	"cloister/internal/gate"
	"cloister/internal/gate/cert"
	"cloister/internal/gate/shield"
	"cloister/internal/guardrail"
	"cloister/internal/seal"
	"cloister/internal/service/access"
	"cloister/internal/service/accessanalyzer/generation"
	"cloister/internal/service/activity"
	"cloister/internal/service/ec2"
	"cloister/internal/service/explain"
	"cloister/internal/service/guardrails"
	"cloister/internal/service/iam"
	"cloister/internal/service/kms"
	"cloister/internal/service/lambda"
	"cloister/internal/service/logs"
	"cloister/internal/service/organizations"
	"cloister/internal/service/sealing"
	"cloister/internal/service/secretsmanager"
	"cloister/internal/service/ssm"
	"cloister/internal/service/sts"
	"cloister/internal/store"
)

// Node is a running node.
type Node struct {
	config  Config
	lock    *os.File
	keys    *seal.Keyring
	db      *store.DB
	audit   *audit.Log
	door    *door.Door
	gate    *gate.Gate
	iam     *iam.Service
	orgs    *organizations.Service
	kms     *kms.Service
	lambda  *lambda.Service
	logs    *logs.Service
	network *ec2.Service
	ways    *ways
	plane   *plane
	counts  *shield.Counts

	certificate *cert.Files // of --tls-cert; nil for none
	listener    net.Listener
	server      *http.Server
	stopping    sync.Once
	drainBy     time.Time      // set by Stop
	closers     []func() error // run last to first
}

// Services are the services that a node has: AWS's and the platform's own.
func Services() []*awsapi.Service {
	return []*awsapi.Service{&iamapi.Service, &stsapi.Service, &lambdaapi.Service, &logsapi.Service, &kmsapi.Service, &smapi.Service, &ssmapi.Service, &analyzerapi.Service, &orgsapi.Service, &cognitoapi.Service, &identityapi.Service, &restapi.Service, &gatewayapi.Service, &ec2api.Service, &platform.Service}
}

// Start opens the data directory and serves. The node answers when Start has
// returned; URL tells where.
func Start(ctx context.Context, config Config) (_ *Node, err error) {
	if config.Region == "" {
		config.Region = DefaultRegion
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	if err := seal.HardenProcess(); err != nil {
		return nil, fmt.Errorf("keep other processes out of this one's memory: %w", err)
	}
	n := &Node{config: config}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	n.keepHeadroom()
	n.inBackground(giveBackAtRest)
	for _, step := range []func(context.Context) error{n.openDir, n.openStore, n.makeServices, n.listen} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (n *Node) openDir(context.Context) (err error) {
	if n.lock, err = lockDir(n.config.Dir); err != nil {
		return err
	}
	n.onClose(n.lock.Close)
	n.keys, err = seal.Open(seal.RootOptions{Dir: n.config.Dir, Custody: n.config.Custody, Create: true})
	return err
}

func (n *Node) openStore(ctx context.Context) error {
	engine, err := n.openEngine(ctx)
	if err != nil {
		return err
	}
	if n.db, err = store.Open(engine, n.keys); err != nil {
		return errors.Join(err, engine.Close())
	}
	n.onClose(n.db.Close)
	if n.audit, err = audit.Open(n.config.Dir, n.db, n.keys); err != nil {
		return err
	}
	n.onClose(n.audit.Close)
	return nil
}

func (n *Node) makeServices(ctx context.Context) error {
	root, err := n.rootCredential()
	if err != nil {
		return err
	}
	blobs, err := blob.OpenDir(filepath.Join(n.config.Dir, "blobs"), n.keys)
	if err != nil {
		return err
	}
	n.orgs = organizations.New(organizations.Options{DB: n.db, Audit: n.audit, Account: Account})
	guard := guardrail.New(Services()...).Within(n.orgs.Place)
	n.iam = iam.New(iam.Options{
		DB: n.db, Keys: n.keys, Guardrails: guard, Organizations: n.orgs,
		Account: Account, RootAccessKeyID: root.AccessKeyID, RootSecret: root.Secret,
	})
	n.inBackground(n.iam.Run)
	wrapping, err := blob.OpenDir(filepath.Join(n.config.Dir, "wrapping"), n.keys)
	if err != nil {
		return err
	}
	if n.kms, err = kms.New(ctx, kms.Config{DB: n.db, Keys: n.keys, Wrapping: wrapping, AcceptLostKeys: n.config.AcceptLostKeys, Guardrails: guard, Audit: n.audit, UniqueID: n.iam.UniqueID}); err != nil {
		return err
	}
	n.onClose(n.kms.Close)
	n.logs = logs.New(n.db)
	n.onClose(n.logs.Close)
	n.plane = newPlane(n)
	n.lambda = lambda.New(lambda.Config{DB: n.db, Blobs: blobs, Code: n.plane, Runtimes: n.plane, Guardrails: guard, Address: func(id string) string {
		return n.nameURL("lambda-url", id) + "/"
	}})
	n.counts = shield.NewCounts()
	n.door = door.New(door.Config{Count: n.counts.Refused, DB: n.db, Audit: n.audit, Directory: n.iam, Organizations: n.orgs, Services: Services(), Region: n.config.Region, Sealing: n.keys})
	n.gate = gate.New(n.door, n.config.Domain)
	protection := access.New(n.counts, Account, n.config.Region)
	protection.Register(n.door)
	n.gate.HandlePage(access.MetricsPath, protection)
	n.iam.Register(n.door)
	dialer := dial.New(n.config.AllowOutgoing...)
	tokens := sts.New(n.keys, n.iam, dialer.Fetch)
	tokens.Register(n.door)
	n.orgs.Register(n.door)
	n.logs.Register(n.door)
	n.kms.Register(n.door)
	n.lambda.Register(n.door)
	n.network = ec2.New(n.db)
	n.network.InUse = n.lambda.HoldsInterface
	n.network.Register(n.door)
	n.gate.Handle("lambda-url", n.lambda.URLs())
	n.ways = newWays(n)
	n.inBackground(n.network.Run)
	n.inBackground(n.ways.run)
	n.startAnalyzer()
	secrets, parameters := secretsmanager.New(n.db), ssm.New(n.db)
	userPools := n.startUserPools(dialer)
	issuers := userPools.Issuers()
	restAPIs := n.makeRESTAPIs(dialer, guard, issuers)
	httpAPIs := n.makeHTTPAPIs(dialer, guard, issuers)
	restAPIs.HeldElsewhere, httpAPIs.HeldElsewhere = httpAPIs.HeldByOthers, restAPIs.HeldByOthers
	identityPools := n.startIdentityPools(dialer, issuers, tokens)
	if err := n.startOutbox(dialer); err != nil {
		return err
	}
	secrets.Register(n.door)
	parameters.Register(n.door)
	guardrails.Register(n.door)
	sealing.New(n.keys, Account).Register(n.door)
	explain.New(explain.Config{Audit: n.audit, Principals: n.iam, Views: map[string]explain.View{
		"iam": n.iam.Describe, "sts": tokens.Describe, "lambda": n.lambda.Describe, "logs": n.logs.Describe, "kms": n.kms.Describe,
		"secretsmanager": secrets.Describe, "ssm": parameters.Describe, "cognito-idp": userPools.Describe, "cognito-identity": identityPools.Describe,
		"apigateway": bothAPIs(restAPIs, httpAPIs), "execute-api": bothAPIs(restAPIs, httpAPIs),
		"ec2": n.network.Describe,
	}}).Register(n.door)
	activity.New(n.audit).Register(n.door)
	generations := generation.New(n.db)
	generations.Register(n.door)
	if err := generations.Start(ctx); err != nil {
		return err
	}
	n.onClose(generations.Close)
	if err := n.lambda.Start(n.plane); err != nil {
		return err
	}
	n.onClose(n.stopFunctions)
	n.inBackground(n.orgs.Run)
	n.inBackground(secrets.Run)
	n.inBackground(parameters.Run)
	n.inBackground(userPools.Run)
	return nil
}

// rootCredential finds the root credential and audits its change.
func (n *Node) rootCredential() (*RootCredential, error) {
	root, changed, err := ensureRootCredential(n.config.Dir, n.keys, n.config.Getenv)
	if err != nil || !changed {
		return root, err
	}
	return root, n.audit.Append(&audit.Record{
		Time: time.Now(), EventSource: "cloister", EventName: "SetRootCredential", Account: Account, Outcome: audit.Allowed,
		Principal: audit.Principal{Type: "AWSService", Service: "cloister", AccessKeyID: root.AccessKeyID},
	})
}

// inBackground runs fn until the node stops, and has the stop wait for its end.
func (n *Node) inBackground(fn func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { fn(ctx); close(done) }()
	n.onClose(func() error { cancel(); <-done; return nil })
}

// onClose has fn run when the node stops, before what was given earlier.
func (n *Node) onClose(fn func() error) { n.closers = append(n.closers, fn) }

func (n *Node) close() error {
	var failed error
	for i := len(n.closers) - 1; i >= 0; i-- {
		failed = errors.Join(failed, n.closers[i]())
	}
	n.closers = nil
	return failed
}

// drainTime is how long requests and functions that run may take to end; the
// last quarter is for asynchronous invocations and the logs of all.
const drainTime = 20 * time.Second

func (n *Node) stopFunctions() error {
	ctx, cancel := context.WithDeadline(context.Background(), n.drainBy)
	defer cancel()
	n.lambda.Stop(ctx)
	return n.plane.close(ctx)
}

// Stop drains: no new connections, what runs may end, then everything is
// closed. It may be called more than once; later calls do nothing.
func (n *Node) Stop() (err error) {
	n.stopping.Do(func() {
		n.drainBy = time.Now().Add(drainTime)
		ctx, cancel := context.WithDeadline(context.Background(), n.drainBy.Add(-drainTime/4))
		defer cancel()
		err = n.server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = n.server.Close()
		}
		err = errors.Join(err, n.close())
	})
	return err
}

// Door is the node's door, for tests that walk its registry.
func (n *Node) Door() *door.Door { return n.door }
