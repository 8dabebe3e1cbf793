package seal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// rootFilePrefix names what the file is, for people and for secret scanners.
const rootFilePrefix = "cloister-root-key-1:"

func encodeRootFile(root Secret) []byte {
	return []byte(rootFilePrefix + base64.StdEncoding.EncodeToString(root.Reveal()) + "\n")
}

func loadRootFile(path string) (Secret, error) {
	content, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Secret{}, fmt.Errorf("%w: %s does not exist; restore it from a backup", ErrNoRootKey, path)
	}
	if err != nil {
		return Secret{}, err
	}
	encoded, ok := strings.CutPrefix(strings.TrimSuffix(string(content), "\n"), rootFilePrefix)
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(key) != keySize {
		return Secret{}, fmt.Errorf("%s is not a root key file: restore it from a backup", path)
	}
	return Secret{key}, nil
}

// maxPrivateFile bounds what is read from a file that holds one secret.
const maxPrivateFile = 64 << 10

// readPrivate reads a file that only its owner may read, and refuses one that
// others can read or write. The check is on the open file, so that it cannot
// be exchanged between the two.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o, so others on this machine could use it: run chmod 600 %s", path, mode, path)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxPrivateFile+1))
	if err == nil && len(content) > maxPrivateFile {
		return nil, fmt.Errorf("%s is longer than %d bytes: it is not the right file", path, maxPrivateFile)
	}
	return content, err
}
