package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	api "cloister/internal/awsapi/secretsmanager"
)

func newSecrets(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Put, get and rotate secrets",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSecretsPut(o), newSecretsGet(o), newSecretsRotate(o))
	return cmd
}

func newSecretsPut(o *options) *cobra.Command {
	var file, key, description string
	cmd := &cobra.Command{
		Use:   "put NAME",
		Short: "Make a secret, or give one a new value",
		Long: `Make a secret, or give one that exists a new value, which becomes its current
one. The value is standard input without the newline at its end, or a file as it
is; it is never an argument, which every user of the machine could read.`,
		Example: `  cloister secrets put prod/db < password.txt
  openssl rand -hex 32 | cloister secrets put prod/signing-key --kms-key alias/app
  cloister secrets put prod/cert --file cert.p12`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := readSecret(cmd.InOrStdin(), file)
			if err != nil {
				return err
			}
			in := &api.CreateSecretRequest{Name: &args[0], KmsKeyId: given(key), Description: given(description)}
			in.SecretString, in.SecretBinary = asSecret(value)
			arn, version, err := putSecret(cmd.Context(), o, in)
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd.OutOrStdout(), map[string]string{"arn": arn, "versionId": version})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s version %s\n", arn, version)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "take the value from this file, as it is")
	cmd.Flags().StringVar(&key, "kms-key", "", "the KMS key of a secret that is made; AWS's own without it")
	cmd.Flags().StringVar(&description, "description", "", "of a secret that is made")
	return cmd
}

// given is nil for a flag that was not.
func given(flag string) *string {
	if flag == "" {
		return nil
	}
	return &flag
}

func readSecret(stdin io.Reader, file string) ([]byte, error) {
	const most = 65536 // of Secrets Manager
	var value []byte
	var err error
	if file != "" {
		value, err = os.ReadFile(file)
	} else {
		value, err = io.ReadAll(io.LimitReader(stdin, most+2))
		value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	}
	switch {
	case err != nil:
		return nil, err
	case len(value) == 0:
		return nil, errors.New("the value is empty: give it on standard input, or with --file")
	case len(value) > most:
		return nil, fmt.Errorf("the value has more than %d bytes", most)
	}
	return value, nil
}

// asSecret is text where it can be.
func asSecret(value []byte) (text *string, binary []byte) {
	if !utf8.Valid(value) {
		return nil, value
	}
	s := string(value)
	return &s, nil
}

// putSecret makes a secret, or gives the one of that name its value.
func putSecret(ctx context.Context, o *options, in *api.CreateSecretRequest) (arn, version string, err error) {
	at, err := o.place()
	if err != nil {
		return "", "", err
	}
	var made api.CreateSecretResponse
	err = callPlatform(ctx, at, api.OpCreateSecret, in, &made)
	if err == nil {
		return *made.ARN, *made.VersionId, nil
	}
	if !strings.HasPrefix(err.Error(), "ResourceExistsException: ") {
		return "", "", err
	}
	if in.KmsKeyId != nil || in.Description != nil {
		return "", "", fmt.Errorf("%s exists, and --kms-key and --description are for a secret that is made: leave them out, or use aws secretsmanager update-secret", *in.Name)
	}
	var put api.PutSecretValueResponse
	if err := callPlatform(ctx, at, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: in.Name, SecretString: in.SecretString, SecretBinary: in.SecretBinary}, &put); err != nil {
		return "", "", err
	}
	return *put.ARN, *put.VersionId, nil
}

// secretValue is api.GetSecretValueResponse as it comes by the wire.
type secretValue struct {
	ARN, Name, VersionId string
	SecretString         *string
	SecretBinary         []byte
	VersionStages        []string
}

func newSecretsGet(o *options) *cobra.Command {
	var stage, version string
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Print the value of a secret",
		Example: `  cloister secrets get prod/db
  cloister secrets get prod/db --stage AWSPREVIOUS
  cloister secrets get prod/db --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := o.place()
			if err != nil {
				return err
			}
			var got secretValue
			in := &api.GetSecretValueRequest{SecretId: &args[0], VersionStage: given(stage), VersionId: given(version)}
			if err := callPlatform(cmd.Context(), at, api.OpGetSecretValue, in, &got); err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd.OutOrStdout(), got)
			}
			return printSecret(cmd.OutOrStdout(), &got)
		},
	}
	cmd.Flags().StringVar(&stage, "stage", "", "of the version; AWSCURRENT without it")
	cmd.Flags().StringVar(&version, "version", "", "the version's id")
	return cmd
}

// printSecret writes the value as it is, for a terminal with a newline.
func printSecret(w io.Writer, got *secretValue) error {
	value := got.SecretBinary
	if got.SecretString != nil {
		value = []byte(*got.SecretString)
	}
	if isTerminal(w) {
		value = append(value, '\n')
	}
	_, err := w.Write(value)
	return err
}

// rotationState is api.DescribeSecretResponse as it comes by the wire.
type rotationState struct {
	VersionIdsToStages map[string][]string
	LastRotatedDate    *wireTime
}

func newSecretsRotate(o *options) *cobra.Command {
	var function, schedule string
	wait := time.Duration(0)
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "Rotate a secret by its function, now and by a schedule",
		Long: `Rotate a secret now. The first time takes the function that makes and tests the
new value; a schedule has it done again. --wait waits for the end, and fails if
the rotation has not ended by then: the function's log says why.`,
		Example: `  cloister secrets rotate prod/db --function arn:aws:lambda:us-east-1:123456789012:function:rotate --schedule 'rate(30 days)'
  cloister secrets rotate prod/db --wait 1m`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := o.place()
			if err != nil {
				return err
			}
			in := &api.RotateSecretRequest{SecretId: &args[0], RotationLambdaARN: given(function)}
			if schedule != "" {
				in.RotationRules = &api.RotationRulesType{ScheduleExpression: &schedule}
			}
			var out api.RotateSecretResponse
			if err := callPlatform(cmd.Context(), at, api.OpRotateSecret, in, &out); err != nil {
				return err
			}
			if wait > 0 {
				if err := awaitRotation(cmd.Context(), at, args[0], *out.VersionId, wait); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s version %s\n", *out.ARN, *out.VersionId)
			return err
		},
	}
	cmd.Flags().StringVar(&function, "function", "", "the ARN of the Lambda function that rotates it")
	cmd.Flags().StringVar(&schedule, "schedule", "", "when it is done again: rate(…) or cron(…)")
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait this long for the end")
	return cmd
}

// awaitRotation waits until a version is the current one.
func awaitRotation(ctx context.Context, at *place, name, version string, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var state rotationState
		if err := callPlatform(ctx, at, api.OpDescribeSecret, &api.DescribeSecretRequest{SecretId: &name}, &state); err != nil && ctx.Err() == nil {
			return err
		}
		for _, stage := range state.VersionIdsToStages[version] {
			if stage == "AWSCURRENT" {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not rotated after %s: the log of its function says why", name, most)
		case <-tick.C:
		}
	}
}
