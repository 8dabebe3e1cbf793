package codepkg

import (
	"context"
	"fmt"
	"io"
)

// MaxUnpacked is how much a function with its layers may unpack to, in bytes:
// AWS's 250 MB (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const MaxUnpacked = 262144000

// Limits bounds one archive. The zero value means AWS's limits.
type Limits struct {
	Bytes   int64 // unpacked bytes of all files; 0: MaxUnpacked
	Entries int   // files, links and directories, those too that only paths name; 0: 65,536
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = MaxUnpacked
	}
	if l.Entries == 0 {
		l.Entries = 1 << 16
	}
	return l
}

// Stats tells what an archive unpacks to.
type Stats struct {
	Bytes   int64 // of file contents
	Entries int

	memory int64 // what the files take of a file system in memory
}

// Error says that a package is not acceptable. It is the uploader's fault:
// InvalidParameterValueException on the wire, with Message.
type Error struct {
	Message string // AWS's own words
	Err     error  // what exactly was found, for the uploader who asks on
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%v)", e.Message, e.Err) }

// Unwrap gives what was found.
func (e *Error) Unwrap() error { return e.Err }

func bad(format string, args ...any) error {
	return &Error{"Could not unzip uploaded file. Please check your file, then try to upload again.", fmt.Errorf(format, args...)}
}

func tooBig(limit int64) error {
	return &Error{fmt.Sprintf("Unzipped size must be smaller than %d bytes", limit), fmt.Errorf("it unpacks to more than %d bytes", limit)}
}

// Source opens the archive of one package, when the cache does not hold it
// unpacked. The archive is closed as soon as it is unpacked.
type Source func(ctx context.Context, id string) (Archive, error)

// Archive is a zip of known size, read at random.
type Archive interface {
	io.ReaderAt
	io.Closer
	Size() int64
}
