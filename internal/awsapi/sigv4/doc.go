// Package sigv4 verifies AWS Signature Version 4 on the server: a request
// that passes was made by a holder of the secret key, within its time, and
// nothing that the signature covers was changed since.
package sigv4
