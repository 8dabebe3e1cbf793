package lambda

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain keeps the model test short; CLOISTER_LONG=1, or -rapid.checks, makes
// it long.
func TestMain(m *testing.M) {
	flag.Parse()
	checks := flag.Lookup("rapid.checks")
	if os.Getenv("CLOISTER_LONG") == "" && checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("20"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
