package main

import (
	"fmt"
	"os"
	"strings"
)

// wanted is one service of the manifest.
type wanted struct {
	pkg        string   // name of the generated package
	model      string   // directory below models/apis
	operations []string // in the manifest's order
}

func readManifest(path string) ([]*wanted, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var services []*wanted
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "service" && len(words) == 3:
			services = append(services, &wanted{pkg: words[1], model: words[2]})
		case words[0] == "service" || len(services) == 0:
			return nil, fmt.Errorf("%s:%d: want `service PACKAGE MODEL` before operations", path, i+1)
		default:
			last := services[len(services)-1]
			last.operations = append(last.operations, words...)
		}
	}
	return services, nil
}
