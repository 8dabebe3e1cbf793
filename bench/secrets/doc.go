// Package secrets holds the scanner of secrets against gitleaks' own detector:
// on the same files both must find the same.
package secrets
