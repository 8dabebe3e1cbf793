package secretscan

// What gitleaks gives its rules at a time, of a file that it reads in one go:
// a piece of 100 kB, then whatever its reader's buffer holds, each prolonged
// until an empty line, by 25 kB at most. A keyword counts for its own piece.
const (
	pieceSize  = 100_000
	bufferSize = 4096
	moreSize   = 25_000
)

// fragments cuts a text as gitleaks does.
func fragments(text string) (pieces []string) {
	buffered := 0 // bytes that the reader holds from here on
	for start := 0; start < len(text); {
		size := buffered
		if size == 0 {
			size = min(pieceSize, len(text)-start)
		}
		end := boundary(text, start, start+size)
		buffered = left(end-start-size, len(text)-start-size)
		pieces = append(pieces, text[start:end])
		start = end
	}
	return pieces
}

// left is how much an empty buffer holds after more bytes were read through it
// one by one, of rest that there were.
func left(more, rest int) int {
	held := 0
	for more > held {
		more -= held
		rest -= held
		held = min(bufferSize, rest)
	}
	return held - more
}

// boundary prolongs a piece until an empty line.
func boundary(text string, start, end int) int {
	if endsEmpty(text[start:end]) {
		return end
	}
	newlines := 0
	for at := end; ; at++ {
		switch text[at-1] {
		case '\n':
			if newlines++; newlines >= 2 {
				return at
			}
		case ' ', '\t', '\r':
		default:
			newlines = 0
		}
		if at-end >= moreSize || at == len(text) {
			return at
		}
	}
}

// endsEmpty tells whether a piece ends in an empty line.
func endsEmpty(piece string) bool {
	newlines := 0
	for i := len(piece) - 1; i >= 0; i-- {
		switch piece[i] {
		case '\n':
			if newlines++; newlines >= 2 {
				return true
			}
		case ' ', '\t', '\r':
		default:
			return false
		}
	}
	return false
}
