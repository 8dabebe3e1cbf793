// Package secretsmanager is AWS Secrets Manager. What it promises:
//
//   - A value is at rest under a data key of its own, which is under the
//     secret's KMS key with the secret's ARN and version as encryption context.
//     KMS is asked as the caller: who may not use the key does not get the
//     value, and when the key is destroyed the value is gone.
//   - A version, once it has a value, never gets another: a retry with the same
//     token gives the same version or is refused.
//   - Exactly one version is AWSCURRENT from the first value on. Stages move in
//     one transaction.
//   - A rotation that began goes on where it was after the process was killed,
//     step by step, until it is done, has failed five times, or is cancelled.
package secretsmanager
