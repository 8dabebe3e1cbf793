// Command bootstrap is the function that the benchmarks call: it answers with
// its event, so that what is measured is the way to it and back.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(_ context.Context, event json.RawMessage) (json.RawMessage, error) { return event, nil })
}
