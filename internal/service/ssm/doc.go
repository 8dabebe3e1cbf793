// Package ssm is the Parameter Store of AWS Systems Manager. What it promises:
//
//   - A SecureString is at rest under its KMS key, with the parameter's ARN as
//     encryption context. KMS is asked as the caller: who may not use the key
//     does not get the value.
//   - Versions are numbered without gaps and never change; a label is on one
//     version of its parameter.
//   - A parameter whose Expiration has come is gone for readers at once, and
//     from the store soon after.
package ssm
