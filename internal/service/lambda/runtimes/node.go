package runtimes

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// node is an installed interpreter.
type node struct {
	bin     string
	version string // "20.20.2"
	modules string // the node_modules with @aws-sdk, or empty
}

// findNode adds the system's node. Nothing is executed: its version is in its
// headers, in the package manager's status or in the binary.
func findNode(s *Set, o Options) {
	for _, bin := range []string{"/usr/local/bin/node", "/usr/bin/node", "/usr/bin/nodejs"} {
		version := nodeVersion(bin)
		if version == "" {
			continue
		}
		n := &node{bin: bin, version: version}
		n.modules = n.findSDK(o)
		if !s.Has(n.name()) {
			s.add(n.candidate(o))
		}
	}
}

func (n *node) major() string { major, _, _ := strings.Cut(n.version, "."); return major }
func (n *node) name() string  { return "nodejs" + n.major() + ".x" }

var (
	headerVersion = regexp.MustCompile(`(?m)^#define NODE_(MAJOR|MINOR|PATCH)_VERSION (\d+)$`)
	binaryVersion = regexp.MustCompile(`node/v?(\d+\.\d+\.\d+)|/node-v(\d+\.\d+\.\d+)[./-]`)
)

func nodeVersion(bin string) string {
	if _, err := os.Stat(bin); err != nil {
		return ""
	}
	prefix := filepath.Dir(filepath.Dir(bin))
	header, err := os.ReadFile(filepath.Join(prefix, "include", "node", "node_version.h"))
	if err == nil {
		if v := versionInHeader(header); v != "" {
			return v
		}
	}
	if prefix == "/usr" {
		if v := debianVersion("nodejs"); v != "" {
			return v
		}
	}
	return versionInBinary(bin)
}

func versionInHeader(header []byte) string {
	var parts []string
	for _, m := range headerVersion.FindAllSubmatch(header, -1) {
		parts = append(parts, string(m[2]))
	}
	if len(parts) != 3 {
		return ""
	}
	return strings.Join(parts, ".")
}

// versionInBinary looks for the name of the release in the program.
func versionInBinary(bin string) string {
	b, err := os.ReadFile(bin)
	if err != nil {
		return ""
	}
	if m := binaryVersion.FindSubmatch(b); m != nil {
		return string(m[1]) + string(m[2])
	}
	return ""
}

// debianVersion reads the upstream version of an installed package.
func debianVersion(name string) string {
	b, err := os.ReadFile("/var/lib/dpkg/status")
	if err != nil {
		return ""
	}
	_, rest, ok := strings.Cut("\n"+string(b), "\nPackage: "+name+"\n")
	if !ok {
		return ""
	}
	paragraph, _, _ := strings.Cut(rest, "\n\n")
	_, version, _ := strings.Cut(paragraph, "\nVersion: ")
	version, _, _ = strings.Cut(version, "\n")
	version, _, _ = strings.Cut(version, "-")
	version, _, _ = strings.Cut(version, "+")
	return version
}

// findSDK looks where npm and Debian keep modules, and at what was registered.
func (n *node) findSDK(o Options) string {
	dirs := []string{"/usr/local/lib/node_modules", "/usr/lib/node_modules", "/usr/share/nodejs"}
	if dir := registeredSDK(o, n.name()); dir != "" {
		return dir
	}
	for _, d := range dirs {
		if isDir(filepath.Join(d, "@aws-sdk")) {
			return d
		}
	}
	return ""
}

func (n *node) candidate(o Options) *candidate {
	c := &candidate{name: n.name(), version: n.version, sdk: sdkVersion(n.modules)}
	c.remedy = "npm install -g @aws-sdk/client-s3 @aws-sdk/client-dynamodb …, or: npm install --prefix DIR @aws-sdk/client-s3 … && cloister runtimes add " + c.name + " DIR"
	c.build = func() (*Runtime, error) {
		t, err := newTree(filepath.Join(o.SupportDir, c.name))
		if err != nil {
			return nil, err
		}
		r := &Runtime{
			Args: []string{n.bin, "/var/runtime/bootstrap.cjs"},
			Env:  nodeEnv(n.major(), o.ExtraCA),
		}
		return finish(t, r, t.base(o.ExtraCA), t.commands, func() error { return n.lay(t) })
	}
	return c
}

// nodeMajor is the "20" of "nodejs20.x".
func nodeMajor(runtime string) string {
	return strings.TrimSuffix(strings.TrimPrefix(runtime, "nodejs"), ".x")
}

// nodeEnv is what node needs in its environment: where require finds layers and
// the SDK, as on AWS, and certificates beside those that it has built in.
func nodeEnv(major string, extraCA []byte) []string {
	env := []string{"NODE_PATH=/opt/nodejs/node" + major + "/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"}
	if len(extraCA) > 0 {
		env = append(env, "NODE_EXTRA_CA_CERTS="+extraBundle)
	}
	return env
}

// lay puts everything but the function into the root.
func (n *node) lay(t *tree) error {
	steps := []func() error{
		func() error { return t.program(n.bin, n.bin) },
		func() error { return t.text("/var/runtime/bootstrap.cjs", nodeLoop) },
		func() error { return t.nodeModules(n.modules) },
	}
	if n.modules != "" {
		steps = append(steps, func() error { return t.directory(n.modules, "/var/runtime/node_modules") })
	}
	if isDir("/usr/share/nodejs") { // Debian's node reads parts of itself from there
		steps = append(steps, func() error { return t.directory("/usr/share/nodejs", "/usr/share/nodejs") })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// nodeModules has import find packages where require does. Import knows no
// NODE_PATH but walks up from /var/task: it meets the layers' packages in
// /var/node_modules and then, in /node_modules, links to each of the runtime's,
// which are the same to both ways.
func (t *tree) nodeModules(modules string) error {
	if err := t.symlink("../opt/nodejs/node_modules", "/var/node_modules"); err != nil || modules == "" {
		return err
	}
	packages, err := os.ReadDir(modules)
	if err != nil {
		return err
	}
	for _, p := range packages {
		if err := t.symlink("/var/runtime/node_modules/"+p.Name(), "/node_modules/"+p.Name()); err != nil {
			return err
		}
	}
	return nil
}

// sdkVersion is that of one of the SDK's packages: they are released together.
// The modules may come from an image: no link leads out of them.
func sdkVersion(modules string) string {
	const unknown = "@aws-sdk of unknown version"
	if modules == "" {
		return ""
	}
	root, err := os.OpenRoot(modules)
	if err != nil {
		return unknown
	}
	defer root.Close() //nolint:errcheck // only read from
	files, _ := fs.Glob(root.FS(), "@aws-sdk/client-*/package.json")
	for _, f := range files {
		var p struct {
			Version string `json:"version"`
		}
		if b, err := root.ReadFile(f); err == nil && json.Unmarshal(b, &p) == nil && p.Version != "" {
			return "@aws-sdk " + p.Version
		}
	}
	return unknown
}
