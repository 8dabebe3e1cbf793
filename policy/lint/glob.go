package lint

// glob matches * and ? in pattern against the whole of s. Where s has wildcards
// of its own they are letters that only a star takes, or ? a ?: so a match means
// that pattern matches whatever s matches.
func glob(pattern, s string) bool {
	star, from := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' && s[i] != '*' || pattern[p] == s[i] && s[i] != '*'):
			p, i = p+1, i+1
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// meets says whether some text matches both patterns.
func meets(a, b string) bool {
	// row[j] says whether a[:i] and b[:j] can stand for one text.
	row := make([]bool, len(b)+1)
	row[0] = true
	for j := 1; j <= len(b); j++ {
		row[j] = row[j-1] && b[j-1] == '*'
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = row[0] && a[i-1] == '*'
		for j := 1; j <= len(b); j++ {
			above := row[j]
			switch x, y := a[i-1], b[j-1]; {
			case x == '*' || y == '*':
				row[j] = above || row[j-1]
			default:
				row[j] = diagonal && (x == y || x == '?' || y == '?')
			}
			diagonal = above
		}
	}
	return row[len(b)]
}
