package pebbleengine

import "github.com/cockroachdb/pebble/v2/vfs"

// guardFS stops everything at the first write, sync or rename that fails: the
// engine is poisoned, and neither that call nor any later one that would
// change the disk ever returns. Pebble is never told. It would panic on some
// errors, end the process on others, and on yet others go on and delete what
// it takes for obsolete; this way the disk stays as it was when it failed, and
// whoever waits for the engine waits for the poison as well.
type guardFS struct {
	vfs.FS
	engine *Engine
}

// guard runs an operation that changes the disk. While the engine is being
// opened an error is just an error.
func (g guardFS) guard(operation func() error) error {
	if g.engine.Healthy() != nil && g.engine.opened.Load() {
		select {}
	}
	err := operation()
	if err != nil && g.engine.opened.Load() {
		g.engine.poison(err)
		select {}
	}
	return err
}

func (g guardFS) Create(name string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = g.guard(func() error {
		f, err = g.FS.Create(name, category)
		return err
	})
	return g.file(f), err
}

func (g guardFS) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	return g.file(f), err
}

func (g guardFS) Rename(oldname, newname string) error {
	return g.guard(func() error { return g.FS.Rename(oldname, newname) })
}

// Remove is held back after a failure, but its own do no harm.
func (g guardFS) Remove(name string) (err error) {
	_ = g.guard(func() error { err = g.FS.Remove(name); return nil })
	return err
}

func (g guardFS) Unwrap() vfs.FS { return g.FS }

func (g guardFS) file(f vfs.File) vfs.File {
	if f == nil {
		return nil
	}
	return guardFile{f, g}
}

// guardFile is a file that was created, or a directory.
type guardFile struct {
	vfs.File
	fs guardFS
}

func (f guardFile) Write(p []byte) (n int, err error) {
	err = f.fs.guard(func() error { n, err = f.File.Write(p); return err })
	return n, err
}

func (f guardFile) Sync() error { return f.fs.guard(f.File.Sync) }

func (f guardFile) SyncData() error { return f.fs.guard(f.File.SyncData) }

func (f guardFile) SyncTo(length int64) (full bool, err error) {
	err = f.fs.guard(func() error { full, err = f.File.SyncTo(length); return err })
	return full, err
}
