package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cloister/internal/node"
)

// place is a running node and who calls it.
type place struct {
	endpoint, region string
	caller           aws.Credentials
	client           *http.Client
}

// place is what --data names: that node, and its root user. Without --data AWS's
// environment variables say which node and who, as far as they are set, and the
// default directory the rest.
func (o *options) place() (*place, error) {
	if o.given {
		return placeOf(o.dir)
	}
	caller, set := environmentCaller()
	if endpoint := os.Getenv("AWS_ENDPOINT_URL"); endpoint != "" {
		if !set {
			return nil, errors.New("AWS_ENDPOINT_URL is set and AWS_ACCESS_KEY_ID is not: set both, as cloister env prints them, or give --data")
		}
		client, err := environmentClient()
		region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), node.DefaultRegion)
		return &place{endpoint, region, caller, client}, err
	}
	at, err := placeOf(o.dir)
	if err == nil && set {
		at.caller = caller
	}
	return at, err
}

// placeOf is the node on dir, called by its root user.
func placeOf(dir string) (*place, error) {
	endpoint, region, err := node.ReadEndpoint(dir)
	if err != nil {
		return nil, err
	}
	root, err := node.ReadRootCredential(dir)
	if err != nil {
		return nil, err
	}
	client, err := trusting(node.CAFile(dir))
	caller := aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: string(root.Secret.Reveal())}
	return &place{endpoint, region, caller, client}, err
}

func environmentCaller() (caller aws.Credentials, set bool) {
	caller = aws.Credentials{
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
	}
	return caller, caller.AccessKeyID != ""
}

// environmentClient trusts AWS_CA_BUNDLE, or what the machine trusts.
func environmentClient() (*http.Client, error) {
	if bundle := os.Getenv("AWS_CA_BUNDLE"); bundle != "" {
		return trusting(bundle)
	}
	return clientWith(nil), nil
}

// trusting is a client that trusts the certificates of a file and no others.
func trusting(file string) (*http.Client, error) {
	ca, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return clientWith(trusted), nil
}

func clientWith(trusted *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}}
}
