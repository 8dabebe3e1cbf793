package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"cloister/internal/node"
)

// clients are AWS's own clients of one node, with one access key.
type clients struct {
	iam    *iam.Client
	sts    *sts.Client
	lambda *lambda.Client
	logs   *cloudwatchlogs.Client
}

func newClients(dir, endpoint, accessKeyID, secret string) (*clients, error) {
	client, err := trusting(node.CAFile(dir))
	if err != nil {
		return nil, err
	}
	config := aws.Config{
		Region:       node.DefaultRegion,
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, secret, ""),
		HTTPClient:   client,
	}
	return &clients{
		iam: iam.NewFromConfig(config), sts: sts.NewFromConfig(config),
		lambda: lambda.NewFromConfig(config), logs: cloudwatchlogs.NewFromConfig(config),
	}, nil
}
