package load

import (
	"fmt"
	"time"
)

// Token is a token of Vault's, with which it writes requests.
type Token string

// Signed implements Author.
func (t Token) Signed(host string, r *Request, _ time.Time) []byte {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Go-http-client/1.1\r\nX-Vault-Request: true\r\nX-Vault-Token: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		r.Method, r.Path, host, string(t), r.ContentType, len(r.Body))
	return append([]byte(head), r.Body...)
}
