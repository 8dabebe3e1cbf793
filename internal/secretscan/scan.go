package secretscan

import (
	"context"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Finding says where a secret stands. Lines and columns begin at 1; columns
// count bytes.
type Finding struct {
	Rule        string `json:"rule"` // gitleaks' name of the rule
	Description string `json:"description"`
	File        string `json:"file,omitempty"`
	Line        int    `json:"line"`
	EndLine     int    `json:"endLine"`
	Column      int    `json:"column"`
	EndColumn   int    `json:"endColumn"` // of its last byte
}

// match is a finding with what must not leave this package.
type match struct {
	Finding
	text, secret, line string
}

// Text scans a text as a file at path, which some rules look at; "" for a text
// that is no file. It is safe for concurrent use.
func Text(path, text string) []Finding {
	found, _ := defaultRules().file(context.Background(), path, text, (*ruleSet).fragment)
	return found
}

// fragmentScan finds what is in one piece of a file.
type fragmentScan func(s *ruleSet, path, text string) []match

// file scans a file; its error is that ctx ended before.
func (s *ruleSet) file(ctx context.Context, path, text string, scan fragmentScan) ([]Finding, error) {
	if anyAllowsPath(s.allow, path) {
		return nil, nil
	}
	found := s.byPath(path)
	line := 1
	for _, piece := range fragments(text) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, m := range withoutGeneric(scan(s, path, piece)) {
			m.Line += line
			m.EndLine += line
			found = append(found, m.Finding)
		}
		line += strings.Count(piece, "\n")
	}
	return found, nil
}

// byPath are the findings of rules that look at a file's path alone.
func (s *ruleSet) byPath(path string) (found []Finding) {
	for _, r := range s.rules {
		if r.text == "" && path != "" && r.path.MatchString(path) {
			found = append(found, Finding{Rule: r.id, Description: r.description, File: path, Line: 1, EndLine: 1, Column: 1, EndColumn: 1})
		}
	}
	return found
}

// fragment scans a piece of a file.
func (s *ruleSet) fragment(path, text string) []match {
	if folds(text) {
		return s.fragmentSlowly(path, text)
	}
	hits := make([][]int32, len(s.rules))
	var order []int32
	s.keywords.each(text, func(word int32, end int) {
		at := int32(end - len(s.keywords.words[word]))
		for _, id := range s.of[word] {
			if hits[id] == nil {
				order = append(order, id)
			}
			hits[id] = append(hits[id], at)
		}
	})
	var found []match
	for _, id := range append(order, s.always...) {
		r := s.rules[id]
		if r.skips(path) {
			continue
		}
		expr, plan := r.compiled()
		if plan == nil || hits[id] == nil {
			found = append(found, s.matches(r, path, text, expr.FindAllStringIndex(text, -1))...)
			continue
		}
		found = append(found, s.matches(r, path, text, plan.findAll(expr, text, hits[id]))...)
	}
	return found
}

// fragmentSlowly says what fragment says by the simplest means.
func (s *ruleSet) fragmentSlowly(path, text string) []match {
	lower := strings.ToLower(text)
	var found []match
	for _, r := range s.rules {
		if r.skips(path) || !r.hasKeyword(lower) {
			continue
		}
		expr, _ := r.compiled()
		found = append(found, s.matches(r, path, text, expr.FindAllStringIndex(text, -1))...)
	}
	return found
}

func (r *rule) hasKeyword(lower string) bool {
	for _, k := range r.keywords {
		if strings.Contains(lower, k) {
			return true
		}
	}
	return len(r.keywords) == 0
}

// folds tells whether a text has a letter that is an ASCII letter in another
// case: ſ, K (Kelvin) or İ.
func folds(text string) bool {
	return strings.Contains(text, "ſ") || strings.Contains(text, "\u212a") || strings.Contains(text, "İ")
}

// skips tells whether a rule has nothing to say of what is in a file at path.
func (r *rule) skips(path string) bool {
	return r.text == "" || anyAllowsPath(r.allow, path) || r.path != nil && !r.path.MatchString(path)
}

// matches are the places at which a rule matches and that nothing lets pass.
func (s *ruleSet) matches(r *rule, path, text string, at [][]int) []match {
	var found []match
	for _, loc := range at {
		m := r.match(path, text, loc)
		if strings.Contains(m.line, "gitleaks:allow") || r.entropy != 0 && entropy(m.secret) <= r.entropy {
			continue
		}
		if !anyAllows(s.allow, &m, path) && !anyAllows(r.allow, &m, path) {
			found = append(found, m)
		}
	}
	return found
}

func (r *rule) match(path, text string, loc []int) match {
	whole := strings.Trim(text[loc[0]:loc[1]], "\n")
	m := match{text: whole, secret: whole}
	m.Rule, m.Description, m.File = r.id, r.description, path
	m.place(text, loc[0], loc[0]+len(whole))
	groups := r.expr.FindStringSubmatch(whole)
	switch {
	case len(groups) < 2:
	case r.group > 0:
		m.secret = groups[r.group]
	default:
		for _, g := range groups[1:] {
			if g != "" {
				m.secret = g
				break
			}
		}
	}
	return m
}

// place finds lines and columns of what is between two positions, and the text
// of its lines. A newline belongs to the line behind it, and of a last line
// that has no end the text is everything up to it: gitleaks' allowlists see it
// so.
func (m *match) place(text string, start, end int) {
	head := text[:start]
	if start < len(text) && text[start] == '\n' {
		head = text[:start+1]
	}
	m.Line = strings.Count(head, "\n")
	from := strings.LastIndexByte(head, '\n')
	m.Column = max(start-from, 1)
	m.EndLine = m.Line + strings.Count(text[len(head):max(end, len(head))], "\n")
	m.EndColumn = end - strings.LastIndexByte(text[:end], '\n') - 1
	from, to := max(from, 0), end
	if i := strings.IndexByte(text[end:], '\n'); i >= 0 {
		to = end + i
	} else if m.EndLine == m.Line {
		from, to = 0, len(text)
		if i := strings.IndexByte(text[end:], '\r'); i >= 0 && m.Line > 0 {
			to = end + i
		}
	}
	m.line = text[from:max(from, to)]
}

// withoutGeneric leaves out what a rule for anything found where a rule for
// something found the same.
func withoutGeneric(all []match) []match {
	var kept []match
	for i := range all {
		if !strings.Contains(all[i].Rule, "generic") || !knownBetter(all, &all[i]) {
			kept = append(kept, all[i])
		}
	}
	return kept
}

func knownBetter(all []match, m *match) bool {
	for i := range all {
		other := &all[i]
		if other.Line == m.Line && !strings.Contains(other.Rule, "generic") && strings.Contains(other.secret, m.secret) {
			return true
		}
	}
	return false
}

// findAll is expr.FindAllStringIndex(text, -1), given where the keywords of the
// expression's rule begin, in ascending order.
func (p *plan) findAll(expr *regexp.Regexp, text string, hits []int32) (found [][]int) {
	pos := 0 // where the next match may begin
	var none blank
	for _, hit := range hits {
		k := int(hit)
		if k < pos {
			continue
		}
		end := p.end(text, k)
		if none.covers(k, end) || !p.tailMatches(text, k, end) {
			continue
		}
		start, ok := p.start(text, max(pos, k-p.lead), pos)
		if !ok {
			return expr.FindAllStringIndex(text, -1)
		}
		loc := expr.FindStringIndex(text[start:end])
		if loc == nil {
			none = blank{end, end}
			continue
		}
		if begin := start + loc[0]; begin <= k && begin >= pos {
			found = append(found, []int{begin, start + loc[1]})
			pos = start + loc[1]
		} else {
			none = blank{begin, end}
		}
	}
	return found
}

// blank is a part of a text in which nothing was found: from the last keyword
// on no match begins before one place and ends before another.
type blank struct{ begin, end int }

// covers tells whether that says it of a keyword at k whose matches end before
// end. It is asked with ascending k.
func (b blank) covers(k, end int) bool { return end == b.end && k < b.begin }

// start is where to begin to look for a match that begins at from or later: at
// a character, and where what stands before is as good as nothing. It reports
// false when there is no such place behind pos.
func (p *plan) start(text string, from, pos int) (int, bool) {
	for from > 0 && from < len(text) && !utf8.RuneStart(text[from]) {
		from--
	}
	if p.word {
		least := from - longWord
		for from > 0 && isWord(text[from-1]) {
			if from--; from < least {
				return 0, false
			}
		}
	}
	return from, from >= pos
}

// longWord is a word through which one does not go back for each keyword in it.
const longWord = 512

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// end is a place behind every match that begins at k or earlier.
func (p *plan) end(text string, k int) int {
	switch {
	case p.span >= 0:
		return min(len(text), k+p.span+utf8.UTFMax)
	case p.newlines < 0:
		return len(text)
	}
	at := k
	for range p.newlines + 1 {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return len(text)
		}
		at += i + 1
	}
	return at
}

func (p *plan) tailMatches(text string, k, end int) bool {
	if p.tail == nil {
		return true
	}
	return k >= p.offset && p.tail.MatchString(text[k-p.offset:end])
}
