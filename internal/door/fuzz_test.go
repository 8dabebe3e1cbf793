package door_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"cloister/internal/awsapi"
	iam "cloister/internal/awsapi/iam"
	lambda "cloister/internal/awsapi/lambda"
	logs "cloister/internal/awsapi/logs"
	sts "cloister/internal/awsapi/sts"
	"cloister/internal/door/doortest"
)

// FuzzServeHTTP looks for requests that are answered with a status of 5xx,
// which a panic is too. It sends them as they are, and signed for one of the
// services by a user who may do anything.
func FuzzServeHTTP(f *testing.F) {
	for _, seed := range []struct{ head, body string }{
		{"GET /2015-03-31/functions/f HTTP/1.1\r\nHost: lambda.us-east-1.amazonaws.com\r\n\r\n", ""},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n", "Action=GetUser&Version=2010-05-08&UserName=u"},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: Logs_20140328.CreateLogGroup\r\n\r\n", `{"logGroupName":"g"}`},
		{"POST /service/Logs_20140328/operation/CreateLogGroup HTTP/1.1\r\nHost: x\r\nSmithy-Protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\n\r\n", "\xa1\x6clogGroupName\x61g"},
		{"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\n\r\n", "0;chunk-signature=0\r\n\r\n"},
		{"GET /?Action=ListUsers&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20260101/r/s/aws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=5&X-Amz-SignedHeaders=host&X-Amz-Signature=0 HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"GET * HTTP/1.0\r\nAuthorization: AWS4-HMAC-SHA256 Credential=/////, SignedHeaders=;, Signature=\r\n\r\n", ""},
		{"BREW /%2f%00/..//? HTTP/1.1\r\nHost: [::1]\r\nAuthorization: Bearer x\r\n\r\n", "\x00"},
	} {
		for signer := range byte(5) {
			f.Add([]byte(seed.head), []byte(seed.body), signer)
		}
	}
	s := newStage(f)
	services := []*awsapi.Service{nil, &iam.Service, &lambda.Service, &logs.Service, &sts.Service}
	signers := make([]doortest.Key, len(services))
	for i, service := range services[1:] {
		signers[i+1] = s.Key(s.Root(), service)
	}
	var sources atomic.Uint32 // refusals of one are slowed down
	f.Fuzz(func(t *testing.T, head, body []byte, signer byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			return
		}
		r.Body, r.ContentLength, r.RemoteAddr = io.NopCloser(bytes.NewReader(body)), int64(len(body)), fmt.Sprintf("[2001:db8:%x::1]:1", sources.Add(1)%0x10000)
		if key := signers[int(signer)%len(signers)]; key.ID != "" && key.Sign(r) != nil {
			return
		}
		w := httptest.NewRecorder()
		s.Door.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code < 200 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	})
}
