package invoke

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"cloister/internal/cell"
	"cloister/internal/cell/egress"
	"cloister/internal/redact"
	"cloister/internal/service/lambda/codepkg"
	"cloister/internal/service/lambda/runtimes"
	"cloister/internal/service/lambda/secretsapi"
)

// The addresses inside a cell. Nothing else runs in its network, so that they
// can be the same in every cell.
const (
	addrRuntimeAPI = "127.0.0.1:9001"
	addrPlatform   = "127.0.0.1:4566"
)

// credentialMargin is how long before its credentials expire a cell gets no
// new request, beside the time that the request may take.
const credentialMargin = time.Minute

// newInstance makes a cell that is not started yet: its names, its log.
func (f *Fleet) newInstance(fn *Function) (*instance, error) {
	now := time.Now()
	ls := &logStream{batch: LogBatch{Account: fn.Account, Region: fn.Region, FunctionARN: fn.ARN, Group: fn.logGroup(), Stream: streamName(fn, now)}}
	secrets := new(redact.Secrets)
	out, write, err := f.newOutput(func(e LogEvent) { f.logs.add(ls, e) }, secrets)
	if err != nil {
		return nil, err
	}
	in := &instance{
		secrets: secrets,
		fleet:   f, fn: fn, key: fn.poolKey(), id: "fn-" + randomHex(), born: now, stream: ls.batch.Stream, out: out, write: write,
		ready: make(chan struct{}), gone: make(chan struct{}), conns: map[*apiConn]bool{},
	}
	in.timer = time.AfterFunc(time.Hour, in.expire)
	in.timer.Stop()
	return in, nil
}

// hold keeps the unpacked code and layers in place.
func (in *instance) hold(ctx context.Context) error {
	o := &in.fleet.o
	open, err := in.codeSource(ctx)
	if err != nil {
		return err
	}
	code, err := o.Code.Acquire(ctx, in.fn.CodeID, open)
	if err != nil {
		return fmt.Errorf("unpack the code of %s: %w", in.fn.Name, err)
	}
	in.refs = append(in.refs, code)
	if len(in.fn.LayerIDs) == 0 {
		return nil
	}
	layers, err := o.Code.AcquireMerged(ctx, in.fn.LayerIDs, o.OpenCode)
	if err != nil {
		return fmt.Errorf("unpack the layers of %s: %w", in.fn.Name, err)
	}
	in.refs = append(in.refs, layers)
	return nil
}

// codeSource is what opens the package, should it not be unpacked yet.
func (in *instance) codeSource(ctx context.Context) (codepkg.Source, error) {
	o := &in.fleet.o
	if !in.fn.SealedCode {
		return o.OpenCode, nil
	}
	if o.SealedCode == nil {
		return nil, &CodeError{errors.New("nothing here can open it")}
	}
	open, err := o.SealedCode(ctx, in.fn)
	if err != nil {
		return nil, &CodeError{err}
	}
	return open, nil
}

func randomHex() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// launch runs the runtime in a cell. An error is the platform's; a package
// that cannot be run leaves a dead instance that knows why.
func (in *instance) launch(ctx context.Context) error {
	fn, o := in.fn, &in.fleet.o
	rt, err := o.Runtimes.Get(fn.Runtime)
	if err != nil {
		return err
	}
	if err := in.hold(ctx); err != nil {
		return err
	}
	in.out.say(in.born, initStart(fn, rt))
	args, bad := in.entrypoint(rt)
	if bad != nil {
		in.unrunnable(bad)
		return nil
	}
	creds, err := o.Credentials(ctx, fn)
	if err != nil {
		return fmt.Errorf("credentials of role %s: %w", fn.RoleARN, err)
	}
	in.setIdentity(creds)
	own, err := in.openEnvironment(ctx, creds)
	if bad := badReference(err); bad != nil {
		in.unrunnable(bad)
		return nil
	}
	if err != nil {
		return err
	}
	spec := in.spec(rt, args, own, environment(fn, own, rt.Env, creds, in.stream))
	spec.Boot = in.boot(rt, spec.Env)
	in.box, err = o.Sandboxes.Start(ctx, spec)
	if err == nil {
		in.serve(own)
		return nil
	}
	bad, err = badEntrypoint(err)
	if bad != nil {
		in.unrunnable(bad)
	}
	return err
}

// openEnvironment is the function's own variables.
func (in *instance) openEnvironment(ctx context.Context, creds Credentials) (map[string]string, error) {
	if !in.fn.OpenEnv {
		return in.fn.Env, nil
	}
	open := in.fleet.o.Environment
	if open == nil {
		return nil, &EnvironmentError{errors.New("nothing here can open it")}
	}
	opened, err := open(ctx, in.fn, creds)
	if err != nil {
		return nil, &EnvironmentError{err}
	}
	for _, secret := range opened.Secrets {
		in.secrets.Add(secret)
	}
	return opened.Variables, nil
}

// unrunnable settles a cell of which nothing runs because of its package.
func (in *instance) unrunnable(why *initFailure) {
	in.mu.Lock()
	in.failed = why
	in.mu.Unlock()
	in.abandon()
	in.fleet.stopped(in)
}

// abandon gives up everything of a cell of which nothing runs.
func (in *instance) abandon() {
	in.mu.Lock()
	in.die()
	in.mu.Unlock()
	_ = in.write.Close()
	in.release()
}

// release gives back what a cell had that has ended, or never was.
func (in *instance) release() {
	for _, r := range in.refs {
		r.Release()
	}
	in.refs = nil
	if in.leave != nil {
		in.leave()
		in.leave = nil
	}
}

func (in *instance) spec(rt *runtimes.Runtime, args []string, own map[string]string, env []string) cell.Spec {
	fn := in.fn
	tmp := fn.TmpMB
	setDefault(&tmp, 512)
	root := append([]cell.Bind{}, rt.Root...)
	for i, r := range in.refs {
		root = append(root, cell.Bind{Source: r.Dir, Target: []string{"/var/task", "/opt"}[i]})
	}
	var way *egress.Network
	if fn.Network != nil && in.fleet.o.Network != nil {
		way, in.leave = in.fleet.o.Network(fn)
	}
	return cell.Spec{
		Network: way,
		ID:      in.id, Root: root, Args: args, Env: env, Dir: "/var/task",
		MemoryBytes: int64(fn.MemoryMB) << 20, CPUMillis: fn.cpuMillis(), Pids: 1024, TmpBytes: int64(tmp) << 20,
		Listen: in.addresses(own), Stdout: in.write, Stderr: in.write,
	}
}

// addresses are where the platform listens in the cell. The function chooses the
// port of the last one, where nothing else is.
func (in *instance) addresses(own map[string]string) []string {
	all := []string{addrRuntimeAPI, addrPlatform}
	if in.fleet.o.ServeSecrets == nil {
		return all
	}
	secrets := "127.0.0.1:" + strconv.Itoa(secretsapi.SettingsOf(own).Port)
	if slices.Contains(all, secrets) {
		secrets = "127.0.0.1:" + strconv.Itoa(secretsapi.Port)
	}
	return append(all, secrets)
}

// serve runs what a started cell needs of the platform.
func (in *instance) serve(own map[string]string) {
	go in.serveAPI(in.box.Listener(0))
	if serve := in.fleet.o.ServePlatform; serve != nil {
		go serve(in.box.Listener(1), in.identity)
	} else {
		_ = in.box.Listener(1).Close()
	}
	if serve := in.fleet.o.ServeSecrets; serve != nil {
		go serve(in.box.Listener(2), in.identity, own)
	}
	go in.watch()
}

func (in *instance) setIdentity(c Credentials) {
	fn, o := in.fn, in.fleet.o
	in.identity = CellIdentity{
		CellID: in.id, Account: fn.Account, Region: fn.Region, FunctionARN: fn.ARN,
		Version: fn.Version, RoleARN: fn.RoleARN, AccessKeyID: c.AccessKeyID, Credentials: c, Secrets: in.secrets,
	}
	in.secrets.Add([]byte(c.SecretAccessKey))
	in.secrets.Add([]byte(c.SessionToken))
	in.expires = in.born.Add(o.MaxAge)
	if !c.Expires.IsZero() {
		if last := c.Expires.Add(-credentialMargin - fn.Timeout); last.Before(in.expires) {
			in.expires = last
		}
	}
}

// entrypoint is what the cell runs. The runtimes of the platform bring it; a
// provided runtime's is in the package or a layer.
func (in *instance) entrypoint(rt *runtimes.Runtime) ([]string, *initFailure) {
	if len(rt.Args) > 0 {
		return rt.Args, nil
	}
	targets := []string{"/var/task/bootstrap", "/opt/bootstrap"}
	for i, r := range in.refs {
		st, err := os.Stat(filepath.Join(r.Dir, "bootstrap"))
		if err != nil || st.IsDir() {
			continue
		}
		if st.Mode()&0o111 == 0 {
			return nil, invalidEntrypoint("fork/exec " + targets[i] + ": permission denied")
		}
		return []string{targets[i]}, nil
	}
	return nil, invalidEntrypoint("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
}

// streamName is the log stream of one cell.
func streamName(fn *Function, t time.Time) string {
	return t.UTC().Format("2006/01/02/") + "[" + fn.Version + "]" + randomHex()
}

func initStart(fn *Function, rt *runtimes.Runtime) string {
	sum := sha256.Sum256([]byte(rt.Name + rt.Version))
	return fmt.Sprintf("INIT_START Runtime Version: %s.v%s\tRuntime Version ARN: arn:aws:lambda:%s::runtime:%x\n", rt.Name, rt.Version, fn.Region, sum)
}
