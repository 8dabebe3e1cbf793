package cert

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// looks is how often files are looked at while clients come.
const looks = time.Second

// Files shows the certificate in two PEM files, and the new one soon after they
// were changed. It is safe for concurrent use.
type Files struct {
	cert, key string

	mu      sync.Mutex
	current *tls.Certificate
	of      [2]version // what current was read from
	looked  time.Time
}

// version tells one content of a file from another.
type version struct {
	modified time.Time
	size     int64
}

// OpenFiles reads a chain of certificates, the server's own first, and its key. A
// key that every user of the machine can read is refused.
func OpenFiles(cert, key string) (*Files, error) {
	f := &Files{cert: cert, key: key}
	of, err := f.versions()
	if err != nil {
		return nil, err
	}
	f.current, err = f.read()
	f.of, f.looked = of, time.Now()
	return f, err
}

// GetCertificate is for tls.Config. What cannot be read any more changes nothing:
// the certificate that was good is shown on.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= looks {
		f.looked = now
		f.renew()
	}
	return f.current, nil
}

// Names are those that the current certificate spells out, in lower case: none that
// stands for any label.
func (f *Files) Names() []string {
	current, _ := f.GetCertificate(nil) // never fails
	names := make([]string, 0, len(current.Leaf.DNSNames))
	for _, name := range current.Leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			names = append(names, strings.ToLower(strings.TrimSuffix(name, ".")))
		}
	}
	return names
}

func (f *Files) renew() {
	of, err := f.versions()
	if err == nil && of == f.of {
		return
	}
	var renewed *tls.Certificate
	if err == nil {
		renewed, err = f.read()
	}
	if err != nil {
		slog.Error("the TLS certificate was not read anew; the old one stays", "error", err)
		return
	}
	f.current, f.of = renewed, of
	slog.Info("the TLS certificate was read anew", "file", f.cert, "until", renewed.Leaf.NotAfter)
}

func (f *Files) versions() (of [2]version, err error) {
	for i, path := range []string{f.cert, f.key} {
		info, err := os.Stat(path)
		if err != nil {
			return of, err
		}
		of[i] = version{info.ModTime(), info.Size()}
		if path == f.key && info.Mode()&0o007 != 0 {
			return of, fmt.Errorf("every user of this machine can read the TLS key %s: run chmod o= %s", path, path)
		}
	}
	return of, nil
}

// read leaves the keys' text out of its errors.
func (f *Files) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err == nil {
		return &pair, nil
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return nil, err
	}
	return nil, fmt.Errorf("%s and %s are not the PEM files of a certificate and its key: %w", f.cert, f.key, err)
}
