//go:build vectors

package main

// Tests of the main module read the vectors out of the module cache; nothing is
// built with them.
import _ "github.com/c2sp/wycheproof"
