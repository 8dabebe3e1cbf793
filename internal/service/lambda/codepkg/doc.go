// Package codepkg turns deployment packages into directories that a cell can
// mount. A package is hostile until it has been unpacked: whatever the archive
// says, nothing is written outside the directory given, nothing is larger than
// the limits, and what comes out is plain files, directories and links that
// stay inside. Unpacked code is never laid on a disk: the cache insists on a
// file system held in memory, since everything at rest is sealed.
package codepkg
