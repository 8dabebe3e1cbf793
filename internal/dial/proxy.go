package dial

import (
	"crypto/tls"
	"net/http"
	"time"
)

// backendWait bounds how long a backend may keep the header of an answer back.
const backendWait = 30 * time.Second

// Proxy passes requests on to backends that users named: as they are, by HTTP/1.1,
// without following redirects, over connections that are kept for a while. Each
// connection was decided on by the address that it goes to. Whoever uses it bounds
// the bodies.
func (d *Dialer) Proxy() http.RoundTripper {
	return &http.Transport{
		Proxy:                  nil, // or the proxy's address would be what is decided on
		DialContext:            d.DialContext,
		DisableCompression:     true,
		MaxResponseHeaderBytes: mostHeader,
		ResponseHeaderTimeout:  backendWait,
		TLSHandshakeTimeout:    dialTime,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConns:           200,
		MaxIdleConnsPerHost:    32,
		MaxConnsPerHost:        200,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
}
