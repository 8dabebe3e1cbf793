package main

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cloister/policy"
	"cloister/policy/generate"
)

// iam is AWS's own client of IAM, as the place's caller.
func (p *place) iam() *iam.Client {
	return iam.New(iam.Options{Region: p.region, BaseEndpoint: &p.endpoint, HTTPClient: p.client, Credentials: p.credentials()})
}

func (p *place) credentials() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return p.caller, nil })
}

// roleARN is the ARN of a role that is given by name or by ARN. One given by
// its ARN need not exist any more.
func (p *place) roleARN(ctx context.Context, role string) (string, error) {
	if policy.IsARN(role) {
		return role, nil
	}
	out, err := p.iam().GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
	if err != nil {
		return "", err
	}
	return *out.Role.Arn, nil
}

// policiesOf reads the policies that a role has, inline and managed.
func (p *place) policiesOf(ctx context.Context, arn string) ([]generate.Named, error) {
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	client := p.iam()
	var all []generate.Named
	inline := iam.NewListRolePoliciesPaginator(client, &iam.ListRolePoliciesInput{RoleName: &name})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, n := range page.PolicyNames {
			got, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &n})
			if err != nil {
				return nil, err
			}
			all = append(all, generate.Named{Name: n, Document: unescaped(got.PolicyDocument)})
		}
	}
	attached := iam.NewListAttachedRolePoliciesPaginator(client, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.AttachedPolicies {
			document, err := managedDocument(ctx, client, *a.PolicyArn)
			if err != nil {
				return nil, err
			}
			all = append(all, generate.Named{Name: *a.PolicyArn, Document: document})
		}
	}
	return all, nil
}

func managedDocument(ctx context.Context, client *iam.Client, arn string) (string, error) {
	got, err := client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return "", err
	}
	version, err := client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: got.Policy.DefaultVersionId})
	if err != nil {
		return "", err
	}
	return unescaped(version.PolicyVersion.Document), nil
}

// unescaped is a document as IAM's answers have it, escaped as in a URL
// (RFC 3986).
func unescaped(document *string) string {
	text, err := url.PathUnescape(aws.ToString(document))
	if err != nil {
		return aws.ToString(document)
	}
	return text
}
