// Probe is what the tests run inside a cell. Each argument names an attempt; it
// prints one line for each: the name, a space, and how it went: "ok", the
// errno's name, or what the attempt found.
package main

import (
	"fmt"
	"os"
	"strings"
)

// attempts are the things to try. They get what follows ':' in the argument.
var attempts = map[string]func(arg string) string{}

func main() {
	list := os.Args[1:]
	if len(list) == 1 && list[0] == "wait" {
		list = work()
	}
	for _, arg := range list {
		name, rest, _ := strings.Cut(arg, ":")
		try, known := attempts[name]
		if !known {
			fmt.Println(arg, "unknown attempt")
			os.Exit(2)
		}
		fmt.Println(arg, try(rest))
	}
}
