// Command function is a function in Go for the tests: it does what its event
// asks for.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

type event struct {
	Do     string
	Millis int
}

func main() {
	if os.Getenv("INIT") == "fail" {
		fmt.Println("cannot start")
		os.Exit(1)
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, e event) (any, error) {
	fmt.Println("asked to", e.Do)
	switch e.Do {
	case "sleep":
		time.Sleep(time.Duration(e.Millis) * time.Millisecond)
	case "fail":
		return nil, errors.New("as you wish")
	case "panic":
		panic("as you wish")
	case "exit":
		os.Exit(7)
	case "oversize":
		return strings.Repeat("x", 7<<20), nil
	case "who":
		return who(ctx)
	case "version":
		return os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"), nil
	}
	return map[string]string{"did": e.Do}, nil
}

// who asks the platform, with the role's credentials, who it is.
func who(ctx context.Context) (any, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	return *out.Arn, nil
}
