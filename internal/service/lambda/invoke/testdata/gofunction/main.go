// Command gofunction is a function as people write them with aws-lambda-go,
// for the tests of internal/service/lambda/invoke.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	switch string(event) {
	case `"error"`:
		return nil, errors.New("as asked")
	case `"panic"`:
		panic("as asked")
	case `"context"`:
		c, _ := lambdacontext.FromContext(ctx)
		return []string{c.InvokedFunctionArn, lambdacontext.FunctionName}, nil
	case `"processors"`:
		return runtime.GOMAXPROCS(0), nil
	case `"stream"`:
		return io.Reader(strings.NewReader(strings.Repeat("0123456789", 10000))), nil
	}
	return event, nil
}

func main() { lambda.Start(handle) }
