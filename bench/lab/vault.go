package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cloister/bench/load"
)

// ErrNoVault means that Vault could not be built.
var ErrNoVault = errors.New("no Vault beside it, as it was not built here")

// StartVault starts Vault with its data in dir.
func StartVault(ctx context.Context, tools Tools, dir string) (*Process, error) {
	binary, why := tools.Vault()
	if _, err := os.Stat(binary); err != nil {
		said, _ := os.ReadFile(why) // nobody may have tried
		return nil, fmt.Errorf("%w: %s", ErrNoVault, strings.TrimSpace(string(said)+" (`make bench` builds bench/vault)"))
	}
	return await(ctx, exec.CommandContext(ctx, binary, dir))
}

// operator is who sets up a Vault.
type operator struct {
	address string
	token   load.Token
	conn    *load.Conn
}

// VaultKeeper sets up the Vault at address: a transit key, secrets of KV v2, a
// user with ten policies of five paths who is logged in and makes the measured
// calls, and, with audit, a file audit device.
func VaultKeeper(address, dir string, audit bool) (*Keeper, error) {
	o := &operator{address: address, conn: load.TLSClient(address)}
	err := o.unseal()
	if err == nil {
		err = o.mount(dir, audit)
	}
	var user load.Token
	if err == nil {
		user, err = o.user()
	}
	if err != nil {
		o.conn.Close()
		return nil, fmt.Errorf("set up Vault: %w", err)
	}
	return o.keeper(user)
}

func (o *operator) unseal() error {
	var made struct {
		Keys      []string
		RootToken load.Token `json:"root_token"`
	}
	if err := o.call("PUT", "sys/init", map[string]any{"secret_shares": 1, "secret_threshold": 1}, &made); err != nil {
		return err
	}
	o.token = made.RootToken
	if err := o.call("PUT", "sys/unseal", map[string]any{"key": made.Keys[0]}, nil); err != nil {
		return err
	}
	for range 200 { // until its raft has elected it
		var leader struct {
			IsSelf bool   `json:"is_self"`
			Since  string `json:"active_time"`
		}
		if err := o.call("GET", "sys/leader", nil, &leader); err != nil {
			return err
		}
		if leader.IsSelf && !strings.HasPrefix(leader.Since, "0001") {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("it did not become active within 10 s")
}

func (o *operator) mount(dir string, audit bool) error {
	type object = map[string]any
	type step struct {
		path string
		body object
	}
	steps := []step{
		{"sys/mounts/transit", object{"type": "transit"}},
		{"sys/mounts/secret", object{"type": "kv", "options": object{"version": "2"}}},
		{"sys/auth/userpass", object{"type": "userpass"}},
		{"transit/keys/bench", object{"type": "aes256-gcm96"}},
	}
	if audit {
		steps = append(steps, step{"sys/audit/file", object{"type": "file", "options": object{"file_path": filepath.Join(dir, "audit.log")}}})
	}
	for _, s := range steps {
		if err := o.call("POST", s.path, s.body, nil); err != nil {
			return err
		}
	}
	return nil
}

// user makes the user and logs it in.
func (o *operator) user() (load.Token, error) {
	var names []string
	for p := range 10 {
		var rules strings.Builder
		for s := range 4 {
			fmt.Fprintf(&rules, "path \"secret/data/team-%d/app-%d-*\" { capabilities = [\"read\", \"update\"] }\n", p, s)
		}
		rules.WriteString([]string{
			"path \"transit/encrypt/bench\" { capabilities = [\"update\"] }", "path \"transit/decrypt/bench\" { capabilities = [\"update\"] }",
			"path \"secret/data/bench/*\" { capabilities = [\"read\"] }",
		}[p%3])
		name := fmt.Sprintf("bench-%d", p)
		names = append(names, name)
		if err := o.call("PUT", "sys/policies/acl/"+name, map[string]any{"policy": rules.String()}, nil); err != nil {
			return "", err
		}
	}
	const password = "a-password-of-the-benchmarks"
	if err := o.call("POST", "auth/userpass/users/bench", map[string]any{"password": password, "token_policies": names}, nil); err != nil {
		return "", err
	}
	var in struct {
		Auth struct {
			Token load.Token `json:"client_token"`
		}
	}
	err := o.call("POST", "auth/userpass/login/bench", map[string]any{"password": password}, &in)
	return in.Auth.Token, err
}

func (o *operator) keeper(user load.Token) (*Keeper, error) {
	k := &Keeper{close: o.conn.Close}
	k.open = func(ciphertext string) (string, error) {
		var out struct{ Data struct{ Plaintext string } }
		err := o.call("POST", "transit/decrypt/bench", map[string]any{"ciphertext": ciphertext}, &out)
		return out.Data.Plaintext, err
	}
	target := func(request func(int, int) load.Request, check func([]byte, int, []byte) error) *load.Target {
		return &load.Target{Address: o.address, TLS: true, Author: user, Request: request, Check: check}
	}
	var decrypt, read []load.Request
	want := answers{}
	for n := range secrets {
		var out struct{ Data struct{ Ciphertext string } }
		if err := o.call("POST", "transit/encrypt/bench", map[string]any{"plaintext": encoded(n)}, &out); err != nil {
			return nil, err
		}
		d := must(vaultRequest("POST", "transit/decrypt/bench", map[string]any{"ciphertext": out.Data.Ciphertext}))
		want.add(d, encoded(n))
		path := fmt.Sprintf("secret/data/bench/secret-%02d", n)
		if err := o.call("POST", path, map[string]any{"data": map[string]any{"value": text(n)}}, nil); err != nil {
			return nil, err
		}
		r := must(vaultRequest("GET", path, nil))
		want.add(r, text(n))
		decrypt, read = append(decrypt, d), append(read, r)
	}
	encrypt := must(vaultRequest("POST", "transit/encrypt/bench", map[string]any{"plaintext": encoded(0)}))
	k.Encrypt = target(always(encrypt), k.encrypted.check("ciphertext", ""))
	k.Decrypt, k.Read = target(inTurn(decrypt), want.check), target(inTurn(read), want.check)
	return k, nil
}

func (o *operator) call(method, path string, in map[string]any, out any) error {
	r, err := vaultRequest(method, path, in)
	if err != nil {
		return err
	}
	status, body, err := o.conn.Do(o.token.Signed(o.address, &r, time.Now()))
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("status %d: %.300s", status, body)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func vaultRequest(method, path string, in map[string]any) (load.Request, error) {
	r := load.Request{Method: method, Path: "/v1/" + path, ContentType: "application/json"}
	if in == nil {
		return r, nil
	}
	var err error
	r.Body, err = json.Marshal(in)
	return r, err
}
