package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// fetchTime bounds a whole Fetch.
	fetchTime = 8 * time.Second
	// mostHeader bounds the header of an answer.
	mostHeader = 32 << 10
)

// Errors of Fetch beside those of the dialer.
var (
	// ErrTooLarge is for a body of more than was asked for.
	ErrTooLarge = errors.New("the answer is too large")
	// ErrNotTrusted is for a server whose certificate neither a trusted authority
	// nor a thumbprint vouches for.
	ErrNotTrusted = errors.New("the server's certificate is not trusted")
)

// StatusError is for an answer that is not 200. A redirect is one.
type StatusError struct{ Code int }

func (e *StatusError) Error() string { return fmt.Sprintf("the server answers with status %d", e.Code) }

// Trust is whom a Fetch believes to be the server it asks for.
type Trust struct {
	Roots       *x509.CertPool // nil for those of the system
	Thumbprints []string       // see Verify
}

// Fetch gets a document of at most most bytes by HTTPS, on a connection of its
// own. It sends nothing but the request, takes no proxy, follows no redirect,
// and ends in 8 seconds.
func (d *Dialer) Fetch(ctx context.Context, address string, trust Trust, most int64) ([]byte, error) {
	return d.ask(ctx, http.MethodGet, address, nil, trust, most)
}

// Post is Fetch that sends a form.
func (d *Dialer) Post(ctx context.Context, address string, form url.Values, trust Trust, most int64) ([]byte, error) {
	return d.ask(ctx, http.MethodPost, address, form, trust, most)
}

func (d *Dialer) ask(ctx context.Context, method, address string, form url.Values, trust Trust, most int64) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("the address is no https URL without user and fragment")
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "cloister")
	answer, err := d.client(trust).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, &StatusError{answer.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = ErrTooLarge
	}
	if err != nil {
		return nil, err
	}
	return body, nil
}

// client is for one request: nothing of it is kept.
func (d *Dialer) client(trust Trust) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // or the proxy's address would be what is decided on
			DialContext:            d.DialContext,
			DisableKeepAlives:      true,
			DisableCompression:     true, // or a small answer could become a large one
			MaxResponseHeaderBytes: mostHeader,
			TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS12,
				// The verification is Verify's, on every handshake.
				InsecureSkipVerify: true,
				VerifyConnection:   trust.Verify,
			},
		},
	}
}
