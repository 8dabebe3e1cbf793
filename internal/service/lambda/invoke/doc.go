// Package invoke runs functions: it is the data plane of Lambda. What it
// promises: a cell has one request at a time and serves one version of one
// function in one configuration, forever; whatever a function does to its
// Runtime API, the answer to the caller is one of those that AWS documents and
// the harm ends at its cell; and a function that cannot be contained is not
// run. It knows no store, no principal and no wire protocol of the platform:
// those come in through Options.
package invoke
