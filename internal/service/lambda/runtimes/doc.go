// Package runtimes knows which Lambda runtimes this machine can run, and what
// a cell needs in its root to run one: the interpreter with its libraries, the
// project's own Runtime API loop, certificates and time zones, and nothing of
// the machine's own /etc, home or configuration. Finding out reads files and
// never executes anything that a function could have written.
package runtimes
