package node

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cloister/internal/gate/shield"
)

// endpointFile tells the other commands where the node on a directory listens.
const endpointFile = "endpoint"

// CAFile is the certificate that clients of the node on dir trust.
func CAFile(dir string) string { return filepath.Join(dir, caFile) }

// listen opens the listener and serves.
func (n *Node) listen(context.Context) error {
	config, err := n.tlsConfig()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", n.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w; another node may be running there: choose another --listen, or port 0 for a free one", err)
	}
	n.listener = listener
	listener = limit(listener, newRoom(min(fileShare(), mostConnections)))
	n.server = newServer(n.gate.Behind(shield.New(n.db, n.config.ClientRate, n.counts)))
	n.onClose(n.server.Close)
	if err := writeFile(filepath.Join(n.config.Dir, endpointFile), []byte(n.URL()+" "+n.config.Region+"\n"), 0o644); err != nil {
		return errors.Join(err, listener.Close())
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	go serve(n.server, listener)
	return nil
}

// newServer bounds what a slow or endless client can hold. Bodies have no time
// limit of their own: an invocation may wait for its function for 15 minutes.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
}

func serve(server *http.Server, listener net.Listener) {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		slog.Error("a listener failed", "address", listener.Addr().String(), "error", err)
	}
}

// URL is where the node serves.
func (n *Node) URL() string {
	scheme := "https"
	if n.config.Plaintext {
		scheme = "http"
	}
	return scheme + "://" + n.listener.Addr().String()
}

// nameURL is where a name of the node's own, of an API or a function's URL, is
// reached.
func (n *Node) nameURL(kind, name string) string {
	scheme := "https"
	if n.config.Plaintext {
		scheme = "http"
	}
	_, port, err := net.SplitHostPort(n.listener.Addr().String())
	if err != nil {
		port = "0"
	}
	return scheme + "://" + name + "." + kind + "." + cmp.Or(n.config.Domain, "localhost") + ":" + port
}

// ReadEndpoint is where the node on dir serves, and its region.
func ReadEndpoint(dir string) (endpoint, region string, err error) {
	text, err := os.ReadFile(filepath.Join(dir, endpointFile))
	if err != nil {
		return "", "", fmt.Errorf("no node was ever started on %s: run cloister up --data %s", dir, dir)
	}
	endpoint, region, ok := strings.Cut(strings.TrimSpace(string(text)), " ")
	if !ok {
		return "", "", fmt.Errorf("%s is damaged: start the node again to write it anew", filepath.Join(dir, endpointFile))
	}
	return endpoint, region, nil
}
