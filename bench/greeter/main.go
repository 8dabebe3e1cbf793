// Command greeter is one handler in two hosts: a Lambda function behind an HTTP
// API and, run by hand, an HTTP server behind a reverse proxy.
//
// As a server it prints "ready HOST:PORT", and stops when its standard input ends.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// greet is the handler.
func greet(name string) string { return fmt.Sprintf(`{"hello":%q}`, name) }

func main() {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(function)
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "greeter:", err)
		os.Exit(1)
	}
}

func function(_ context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusOK, Headers: map[string]string{"Content-Type": "application/json"}, Body: greet(r.QueryStringParameters["name"]),
	}, nil
}

func serve() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, greet(r.URL.Query().Get("name")))
		}))
	}()
	fmt.Println("ready", l.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
