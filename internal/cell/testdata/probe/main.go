// Probe is what the tests run inside a cell. Each argument names an attempt;
// it prints one line for each: the name, a tab, and how it went.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "hello" {
		hello()
		return
	}
}

// hello makes one request of the kind a runtime makes first.
func hello() {
	conn, err := net.Dial("tcp", "127.0.0.1:9001")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	conn.Write([]byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"))
	conn.Read(make([]byte, 1))
}
