// Package house holds the rules of this source tree as tests: which room may
// import which, that every package tells its promise, what never enters the
// tree. A failing rule says why it exists.
package house
