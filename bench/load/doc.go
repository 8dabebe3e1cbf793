// Package load sends signed requests and measures how soon they are answered.
//
// It promises that the generator's work is the same whoever answers: requests
// are built and signed ahead of a round, a round writes their bytes to
// kept-alive connections and reads the answers, and every answer is checked.
// A round with a wrong answer is an error, never a figure.
package load
