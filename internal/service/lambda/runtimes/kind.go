package runtimes

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var runtimeName = regexp.MustCompile(`^(python3\.\d{1,2}|nodejs\d{1,2}\.x|provided(\.al2|\.al2023)?)$`)

// CheckName says why name is not that of a runtime; nil: it is.
func CheckName(name string) error {
	if !runtimeName.MatchString(name) {
		return fmt.Errorf("%q is not a runtime: use python3.N, nodejsN.x, provided.al2 or provided.al2023", name)
	}
	return nil
}

// Check says why a registration cannot be used; nil: it can. It looks at the
// directory's own kind only; see [Vet].
func Check(r Registration) error {
	if err := CheckName(r.Name); err != nil {
		return err
	}
	if !filepath.IsAbs(r.Dir) || !isDir(r.Dir) {
		return fmt.Errorf("%q is not an absolute path of a directory", r.Dir)
	}
	_, err := imageBinary(r)
	if err != nil && sdkOnly(r) == "" {
		return err
	}
	return nil
}

// sdkPlace is where a directory may keep an SDK and nothing else.
type sdkPlace struct{ dir, has string }

// sdkPlaces are, in this order, those of `pip install --target` and
// `npm install --prefix`, of a layer, and of `--prefix`, a virtual environment
// and `npm --global`.
func sdkPlaces(name string) []sdkPlace {
	if strings.HasPrefix(name, "nodejs") {
		return []sdkPlace{{"node_modules", "@aws-sdk"}, {"nodejs/node_modules", "@aws-sdk"}, {"lib/node_modules", "@aws-sdk"}}
	}
	if strings.HasPrefix(name, "python") {
		return []sdkPlace{{"", "boto3"}, {"site-packages", "boto3"}, {"python", "boto3"}, {"lib/" + name + "/site-packages", "boto3"}}
	}
	return nil
}

// sdkOnly is the directory of packages in a registered directory that holds no
// interpreter; empty: it is something else.
func sdkOnly(r Registration) string {
	if _, err := imageBinary(r); err == nil {
		return ""
	}
	for _, place := range sdkPlaces(r.Name) {
		if dirWithin(r.Dir, place.dir+"/"+place.has) != "" {
			return dirWithin(r.Dir, place.dir)
		}
	}
	return ""
}

// registeredSDK is the directory of packages that was registered for a runtime
// of this machine, or empty.
func registeredSDK(o Options, name string) string {
	for _, r := range o.Registered {
		if r.Name == name {
			return sdkOnly(r)
		}
	}
	return ""
}

// imageBinary finds the interpreter of a root file system, by its path in
// there. Provided runtimes have none.
func imageBinary(r Registration) (string, error) {
	name := r.Name
	switch {
	case strings.HasPrefix(name, "nodejs"):
		name = "node"
	case !strings.HasPrefix(name, "python"):
		return "", nil
	}
	for _, dir := range []string{"var/lang/bin", "usr/local/bin", "usr/bin"} {
		p := filepath.Join(dir, name)
		if found, err := within(r.Dir, p); err == nil && isProgram(found) {
			return "/" + p, nil
		}
	}
	return "", fmt.Errorf("there is no %s in its var/lang/bin, usr/local/bin or usr/bin, nor %s", name, sdkText(r.Name))
}

func isProgram(file string) bool {
	st, err := os.Stat(file)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// sdkText tells which directories with an SDK only can be registered, and how
// to fill one.
func sdkText(name string) string {
	if strings.HasPrefix(name, "nodejs") {
		return "an SDK in node_modules/@aws-sdk (npm install --prefix DIR @aws-sdk/client-s3)"
	}
	return "an SDK in boto3 or site-packages/boto3 (pip install --target DIR boto3)"
}
