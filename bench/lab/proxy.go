package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// ErrNoProxy means that a proxy is not installed.
var ErrNoProxy = errors.New("it is not installed: apt-get install nginx-light caddy adds it")

// nginxConfig is a plain reverse proxy over TLS, without a log, that keeps its
// connections to the backend.
const nginxConfig = `
worker_processes auto;
error_log stderr crit;
pid %[1]s/pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  keepalive_requests 100000000;
  upstream backend { server %[3]s; keepalive 64; keepalive_requests 100000000; }
  server {
    listen %[2]s ssl;
    ssl_certificate %[1]s/cert.pem;
    ssl_certificate_key %[1]s/key.pem;
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  }
}
`

// caddyConfig is the same for Caddy.
const caddyConfig = `{
  admin off
  auto_https off
  storage file_system %[1]s/caddy
  log {
    level ERROR
  }
}
https://%[2]s {
  bind 127.0.0.1
  tls %[1]s/cert.pem %[1]s/key.pem
  reverse_proxy %[3]s
}
`

// Proxy starts nginx or caddy before a backend, with what it keeps in dir.
func Proxy(ctx context.Context, name, dir, backend string) (*Process, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		return nil, ErrNoProxy
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	text, args := nginxConfig, []string{"-g", "daemon off;", "-c"}
	if name == "caddy" {
		text, args = caddyConfig, []string{"run", "--adapter", "caddyfile", "--config"}
	}
	config := filepath.Join(dir, name+".conf")
	if err := errors.Join(certificate(dir), os.WriteFile(config, fmt.Appendf(nil, text, dir, address, backend), 0o600)); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, append(args, config)...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Stderr = &tail{}
	return listening(cmd, address)
}

// certificate writes a key and a certificate for it that nobody vouches for.
func certificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600),
	)
}
