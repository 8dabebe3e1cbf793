package load

import (
	"fmt"
	"time"
)

// Bearer is a token that a caller of an API shows; the empty one shows none.
type Bearer string

// Signed implements Author.
func (t Bearer) Signed(host string, r *Request, _ time.Time) []byte {
	authorization := ""
	if t != "" {
		authorization = "Authorization: Bearer " + string(t) + "\r\n"
	}
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Go-http-client/1.1\r\n%sContent-Length: %d\r\n\r\n", r.Method, r.Path, host, authorization, len(r.Body))
	return append([]byte(head), r.Body...)
}
