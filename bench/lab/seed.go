package lab

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"cloister/bench/decision"
)

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

const roleName = "bench-function"

// RoleARN is the role of every function.
func RoleARN() string { return "arn:aws:iam::" + Account + ":role/" + roleName }

// Role makes the role that functions run with.
func (c *Client) Role() error {
	_, err := c.IAM("CreateRole", "RoleName", roleName, "AssumeRolePolicyDocument", trust)
	return err
}

// LoggingRole makes the role and lets the functions keep their logs.
func (c *Client) LoggingRole() error {
	if err := c.Role(); err != nil {
		return err
	}
	_, err := c.IAM("AttachRolePolicy", "RoleName", roleName, "PolicyArn", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
	return err
}

// User makes the user who makes the measured calls. Ten managed policies of
// five statements are attached to it, as many as AWS allows; the last
// statement of the last allows what is measured.
func (c *Client) User() (Key, error) {
	const name = "bench"
	if _, err := c.IAM("CreateUser", "UserName", name); err != nil {
		return Key{}, err
	}
	set := decision.NewSet(10, 5)
	set.Append(strings.NewReplacer("REGION", Region, "ACCOUNT", Account).Replace(`{"Effect":"Allow",
		"Action":["lambda:InvokeFunction","lambda:GetFunction","kms:Encrypt","kms:Decrypt","kms:GenerateDataKey","secretsmanager:GetSecretValue"],
		"Resource":["arn:aws:lambda:REGION:ACCOUNT:function:*","arn:aws:kms:REGION:ACCOUNT:key/*","arn:aws:secretsmanager:REGION:ACCOUNT:secret:*"]}`))
	for i, document := range set.IAM() {
		policy := fmt.Sprintf("bench-%d", i)
		if _, err := c.IAM("CreatePolicy", "PolicyName", policy, "PolicyDocument", document); err != nil {
			return Key{}, err
		}
		if _, err := c.IAM("AttachUserPolicy", "UserName", name, "PolicyArn", "arn:aws:iam::"+Account+":policy/"+policy); err != nil {
			return Key{}, err
		}
	}
	return c.accessKey(name)
}

// Populate makes n users with a policy and an access key each, and n functions.
func Populate(address string, n int) error {
	zip, err := Package("bootstrap", []byte("#!/bin/sh\n"), "")
	if err != nil {
		return err
	}
	const workers = 8
	failures := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			c := Root(address)
			defer c.Close()
			for i := w; i < n && failures[w] == nil; i += workers {
				failures[w] = c.inhabitant(i, zip)
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

func (c *Client) inhabitant(i int, zip []byte) error {
	user := fmt.Sprintf("user-%03d", i)
	document := strings.ReplaceAll(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:*","Resource":"arn:aws:lambda:*:*:function:NAME-*"}]}`, "NAME", user)
	_, err := c.IAM("CreateUser", "UserName", user)
	if err == nil {
		_, err = c.IAM("PutUserPolicy", "UserName", user, "PolicyName", "own", "PolicyDocument", document)
	}
	if err == nil {
		_, err = c.accessKey(user)
	}
	if err == nil {
		err = c.Function(fmt.Sprintf("function-%03d", i), zip)
	}
	return err
}
