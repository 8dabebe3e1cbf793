// Package ocilayout unpacks an image from an OCI image layout directory into a
// directory, as one flat root file system.
//
// The image may be anybody's. Nothing is written outside the directory, no
// device, pipe or socket is made, nothing is set-user-id, everything can be
// read by everybody, and what it may unpack to is bounded in bytes and entries.
// Every manifest, configuration and layer must match the digest by which it is
// named. Symbolic links are kept as they are, wherever they point: whoever
// follows one on the host must stay inside.
package ocilayout
