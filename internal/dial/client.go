package dial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"
)

// Client speaks HTTPS with a server that an administrator named, whose authority
// is one of roots, or of the system's where that is nil. It follows no redirect
// and takes no proxy; a request ends in half a minute.
func (d *Dialer) Client(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("redirects are not followed")
		},
		Transport: &http.Transport{
			DialContext:            d.DialContext,
			MaxResponseHeaderBytes: mostHeader,
			TLSHandshakeTimeout:    dialTime,
			IdleConnTimeout:        30 * time.Second,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		},
	}
}
