package pebbleengine

import (
	"fmt"
	"log/slog"
	"os"

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

// logger passes on what people must know.
type logger struct{ engine *Engine }

func (logger) Infof(string, ...any) {}

func (logger) Errorf(format string, args ...any) {
	slog.Warn("store: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: pebble found its state inconsistent.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if !l.engine.opened.Load() {
		panic(err) // openPebble returns it
	}
	fmt.Fprintln(os.Stderr, "cloister: the store is inconsistent and the process ends; start it again, and restore a backup if that does not help:", err)
	os.Exit(1)
}
