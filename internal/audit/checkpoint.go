package audit

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// checkpoint is a statement about the log at one size: C2SP's tlog-checkpoint,
// whose first three lines are origin, size and root. The copy that the log keeps
// for itself has extension lines after them, with what is needed to go on
// appending:
//
//	at SEGMENT OFFSET     where the next entry goes
//	edge HASH             the frontier, largest subtree first
type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
	local  *resume // nil in a checkpoint that is handed out
}

// resume is the state from which the log goes on.
type resume struct {
	at       position
	frontier frontier
}

// position is a place in the files.
type position struct {
	segment int64 // first index of the segment, which names its file
	offset  int64 // bytes from its start
}

// begins says whether this is the beginning of a segment that holds, or will
// hold, the record at index first: as a place it is the end of the one before.
func (p position) begins(first int64) bool {
	return p.segment == first && p.offset <= int64(len(segmentHeader))
}

// text is the checkpoint as it is signed.
func (c *checkpoint) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d\n%s\n", c.origin, c.size, encodeHash(c.root))
	if c.local == nil {
		return b.String()
	}
	fmt.Fprintf(&b, "at %d %d\n", c.local.at.segment, c.local.at.offset)
	for _, h := range c.local.frontier.edge {
		fmt.Fprintf(&b, "edge %s\n", encodeHash(h))
	}
	return b.String()
}

// parseCheckpoint reads the text of a checkpoint. Extension lines of others are
// ignored, as the format asks.
func parseCheckpoint(text string) (*checkpoint, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 || lines[0] == "" {
		return nil, fmt.Errorf("a checkpoint has at least three lines: origin, size, root hash")
	}
	size, err := parseNumber(lines[1])
	if err != nil {
		return nil, fmt.Errorf("size of the checkpoint: %w", err)
	}
	root, err := decodeHash(lines[2])
	if err != nil {
		return nil, fmt.Errorf("root hash of the checkpoint: %w", err)
	}
	c := &checkpoint{origin: lines[0], size: size, root: root}
	c.local, err = parseResume(size, lines[3:])
	return c, err
}

// parseResume reads the log's own extension lines, if they are there.
func parseResume(size int64, lines []string) (*resume, error) {
	r := &resume{frontier: frontier{size: size}, at: position{segment: -1}}
	for _, line := range lines {
		if err := r.parseLine(line); err != nil {
			return nil, err
		}
	}
	if r.at.segment < 0 {
		return nil, nil
	}
	if !r.frontier.fits() || r.at.segment > size {
		return nil, fmt.Errorf("the edge of the checkpoint does not fit its size %d", size)
	}
	return r, nil
}

func (r *resume) parseLine(line string) (err error) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "at":
		segment, offset, _ := strings.Cut(rest, " ")
		if r.at.segment, err = parseNumber(segment); err != nil {
			return fmt.Errorf("segment of the checkpoint: %w", err)
		}
		if r.at.offset, err = parseNumber(offset); err != nil {
			return fmt.Errorf("offset of the checkpoint: %w", err)
		}
	case "edge":
		h, err := decodeHash(rest)
		if err != nil {
			return fmt.Errorf("edge of the checkpoint: %w", err)
		}
		r.frontier.edge = append(r.frontier.edge, h)
	}
	return nil
}

// parseNumber reads a decimal number in its one canonical form.
func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<62 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%.40q is not a size", s)
	}
	return n, nil
}

func encodeHash(h tlog.Hash) string { return base64.StdEncoding.EncodeToString(h[:]) }

func decodeHash(s string) (h tlog.Hash, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != tlog.HashSize || strings.ContainsAny(s, "\r\n") {
		return h, fmt.Errorf("%.60q is not a hash", s)
	}
	return tlog.Hash(b), nil
}

// openCheckpoint verifies the note's signature and reads it.
func openCheckpoint(signed []byte, v note.Verifier) (*checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return nil, err
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return nil, err
	}
	if c.origin != v.Name() {
		return nil, fmt.Errorf("the checkpoint is of %.80q, and signed by %q", c.origin, v.Name())
	}
	return c, nil
}
