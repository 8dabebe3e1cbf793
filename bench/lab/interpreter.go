package lab

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
)

// Interpreter is a language of functions as this machine has it.
type Interpreter struct {
	Runtime string   // "python3.11"
	File    string   // of the function's module
	Source  string   // a handler m.h that answers with its event
	SDK     string   // the same with the AWS SDK imported; empty: the machine has none
	Plain   []string // the project's own loop as a plain program, in a directory with the module
}

// Python is the system's newest, or false.
func Python(tools Tools) (Interpreter, bool) {
	bins, _ := filepath.Glob("/usr/bin/python3.[0-9]*")
	for i := len(bins) - 1; i >= 0; i-- {
		name := filepath.Base(bins[i])
		if !regexp.MustCompile(`^python3\.\d+$`).MatchString(name) {
			continue
		}
		const source = "def h(e, c): return e\n"
		p := Interpreter{Runtime: name, File: "m.py", Source: source, Plain: []string{bins[i], "-S", loop(tools, "bootstrap.py")}}
		if exec.Command(bins[i], "-c", "import boto3").Run() == nil {
			p.SDK = "import boto3\n" + source
		}
		return p, true
	}
	return Interpreter{}, false
}

// Node is the system's, or false.
func Node(tools Tools) (Interpreter, bool) {
	version, err := exec.Command("/usr/bin/node", "-p", "process.versions.node.split('.')[0]").Output()
	var major int
	if _, scan := fmt.Sscan(string(version), &major); err != nil || scan != nil {
		return Interpreter{}, false
	}
	return Interpreter{
		Runtime: fmt.Sprintf("nodejs%d.x", major), File: "m.js", Source: "exports.h = async (e) => e;\n",
		Plain: []string{"/usr/bin/node", loop(tools, "bootstrap.cjs")},
	}, true
}

func loop(tools Tools, name string) string {
	return filepath.Join(tools.Root, "internal", "service", "lambda", "runtimes", "support", name)
}
