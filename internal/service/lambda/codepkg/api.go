package codepkg

import (
	"context"
	"io"
)

// MaxUnpacked is how much a function with its layers may unpack to, in bytes:
// AWS's 250 MB (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const MaxUnpacked = 262144000

// Limits bounds one archive. The zero value means AWS's limits.
type Limits struct {
	Bytes   int64 // unpacked bytes of all files; 0: MaxUnpacked
	Entries int   // files, directories and links; 0: 65,536
}

// Stats tells what an archive unpacked to.
type Stats struct {
	Bytes   int64 // of file contents
	Entries int
}

// Source opens the archive of one package, when the cache does not hold it
// unpacked. Close is called when the cache is done with it.
type Source func(ctx context.Context, id string) (Archive, error)

// Archive is a zip of known size, read at random.
type Archive interface {
	io.ReaderAt
	io.Closer
	Size() int64
}
