package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	log "github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/command/server"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/physical/raft"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/vault"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: vault DIRECTORY")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	listener, err := listen()
	if err != nil {
		return err
	}
	cluster, err := freeAddress()
	if err != nil {
		return err
	}
	core, err := newCore(dir, listener.Addr().String(), cluster.String())
	if err != nil {
		return err
	}
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core:           core,
		ListenerConfig: &configutil.Listener{Address: listener.Addr().String(), MaxRequestDuration: vault.DefaultMaxRequestDuration},
	})
	core.SetClusterListenerAddrs([]*net.TCPAddr{cluster}) // raft asks for it, also on one node
	core.SetClusterHandler(handler)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	httpServer := &http.Server{Handler: handler}
	go func() {
		<-ctx.Done()
		_ = httpServer.Close()
	}()
	fmt.Println("ready https://" + listener.Addr().String())
	if err := httpServer.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return core.Shutdown()
}

func newCore(dir, address, cluster string) (*vault.Core, error) {
	logger := log.New(&log.LoggerOptions{Name: "vault", Level: log.Error, Output: os.Stderr})
	data := filepath.Join(dir, "raft")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	storage, err := raft.NewRaftBackend(map[string]string{"path": data, "node_id": "bench"}, logger.Named("storage.raft"))
	if err != nil {
		return nil, err
	}
	return vault.NewCore(&vault.CoreConfig{
		RawConfig:          &server.Config{SharedConfig: &configutil.SharedConfig{}},
		Physical:           storage,
		HAPhysical:         storage.(physical.HABackend),
		StorageType:        "raft",
		RedirectAddr:       "https://" + address,
		ClusterAddr:        "https://" + cluster,
		Logger:             logger,
		LogicalBackends:    map[string]logical.Factory{"kv": kv.Factory, "transit": transit.Factory},
		CredentialBackends: map[string]logical.Factory{"userpass": userpass.Factory},
		AuditBackends:      map[string]audit.Factory{"file": audit.NewFileBackend},
		BuiltinRegistry:    builtins{},
	})
}
