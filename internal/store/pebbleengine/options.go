package pebbleengine

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A node at rest is small: these bound what pebble holds.
const (
	memTableSize = 4 << 20
	cacheSize    = 8 << 20
	maxOpenFiles = 256
	bitsPerKey   = 10 // of the Bloom filters: one look-up in a hundred reads in vain
)

// options are pebble's. Nothing is compressed: what is sealed does not shrink.
func (e *Engine) options(fs vfs.FS) *pebble.Options {
	o := &pebble.Options{
		FS:                 fs,
		Lock:               e.lock,
		Logger:             logger{e},
		FormatMajorVersion: pebble.FormatNewest,
		MemTableSize:       memTableSize,
		CacheSize:          cacheSize,
		MaxOpenFiles:       maxOpenFiles,
		EventListener:      &pebble.EventListener{BackgroundError: e.poison},
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	o.Levels[0].FilterPolicy = bloom.FilterPolicy(bitsPerKey)
	return o
}

// logger passes on what people must know and turns what pebble takes for the
// end of the process into the end of the engine.
type logger struct{ engine *Engine }

func (logger) Infof(string, ...any) {}

func (logger) Errorf(format string, args ...any) {
	slog.Warn("store: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return, or pebble would go on with a manifest that is not on
// the disk. The one exception is the commit of a batch, which only passes the
// log's error on to us.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.engine.poison(err)
	if !l.engine.opened.Load() {
		panic(err) // openPebble returns it
	}
	if !strings.HasPrefix(format, "pebble: fatal commit error") {
		l.engine.fatal(err)
	}
}

func exit(err error) {
	fmt.Fprintln(os.Stderr, "cloister: the store cannot go on and the process ends; mend the disk and start again:", err)
	os.Exit(1)
}
