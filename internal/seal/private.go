package seal

import (
	"fmt"
	"io"
	"os"
)

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
