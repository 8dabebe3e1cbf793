package policy

import (
	"cmp"
	"strings"
	"time"
)

// instant is a point in time. It is read by hand, as time.Parse allocates when
// it fails and knows no format of varying precision.
type instant struct {
	seconds int64 // since 1970
	nanos   int
}

func (a instant) cmp(b instant) int {
	return cmp.Or(cmp.Compare(a.seconds, b.seconds), cmp.Compare(a.nanos, b.nanos))
}

// parseInstant reads a date of W3C's profile of ISO 8601
// (www.w3.org/TR/NOTE-datetime), from YYYY to YYYY-MM-DDThh:mm:ss.sTZD, or
// seconds since 1970. Four digits alone are a year.
func parseInstant(s string) (instant, bool) {
	if len(s) != 4 && len(s) <= 15 && digits(s) {
		return instant{seconds: int64(number(s))}, true
	}
	c := cursor{rest: s, ok: true}
	f := [6]int{1: 1, 2: 1}
	f[0] = c.number(4, 0, 9999)
	if c.more("-") {
		f[1] = c.number(2, 1, 12)
		if c.more("-") {
			f[2] = c.number(2, 1, 31)
			if c.more("T") {
				return c.clock(f)
			}
		}
	}
	return c.end(f, 0, 0)
}

// clock reads a time of day, which must have a time zone.
func (c *cursor) clock(f [6]int) (instant, bool) {
	nanos := 0
	f[3] = c.number(2, 0, 23)
	c.ok = c.ok && c.more(":")
	f[4] = c.number(2, 0, 59)
	if c.more(":") {
		f[5] = c.number(2, 0, 59)
		if c.more(".") {
			nanos = c.fraction()
		}
	}
	return c.end(f, nanos, c.zone())
}

// cursor walks along a date; ok stays false from the first mistake on.
type cursor struct {
	rest string
	ok   bool
}

func (c *cursor) more(separator string) bool {
	rest, found := strings.CutPrefix(c.rest, separator)
	c.rest = rest
	return found
}

// number reads exactly width digits.
func (c *cursor) number(width, low, high int) int {
	if len(c.rest) < width || !digits(c.rest[:width]) {
		c.ok = false
		return 0
	}
	n := number(c.rest[:width])
	c.rest = c.rest[width:]
	c.ok = c.ok && low <= n && n <= high
	return n
}

// fraction reads up to nine digits of a second.
func (c *cursor) fraction() (nanos int) {
	n := 0
	for n < len(c.rest) && digit(c.rest[n]) {
		n++
	}
	if n == 0 || n > 9 {
		c.ok = false
		return 0
	}
	nanos = number(c.rest[:n])
	for range 9 - n {
		nanos *= 10
	}
	c.rest = c.rest[n:]
	return nanos
}

// zone reads Z or ±hh:mm and returns the seconds east of Greenwich.
func (c *cursor) zone() int {
	if c.more("Z") {
		return 0
	}
	sign := 1
	if c.more("-") {
		sign = -1
	} else {
		c.ok = c.ok && c.more("+")
	}
	hours := c.number(2, 0, 23)
	c.ok = c.ok && c.more(":")
	return sign * 60 * (60*hours + c.number(2, 0, 59))
}

// end refuses what is left over and days that a month does not have.
func (c *cursor) end(f [6]int, nanos, east int) (instant, bool) {
	t := time.Date(f[0], time.Month(f[1]), f[2], f[3], f[4], f[5], 0, time.UTC)
	ok := c.ok && c.rest == "" && t.Day() == f[2]
	return instant{seconds: t.Unix() - int64(east), nanos: nanos}, ok
}

// number returns the value of a short row of digits.
func number(s string) int {
	n := 0
	for i := range len(s) {
		n = 10*n + int(s[i]-'0')
	}
	return n
}

// dateSet is the operand of the Date operators.
type dateSet struct {
	relation relation
	dates    []instant
}

func (s dateSet) compare(value string, _ Context) outcome {
	v, ok := parseInstant(value)
	if !ok {
		return differs
	}
	return anyOf(s.dates, func(d *instant) outcome { return outcomeOf(s.relation.holds(v.cmp(*d))) })
}

func compileDates(r relation) func(*compiler, *condition, []node) (operand, error) {
	return func(_ *compiler, _ *condition, items []node) (operand, error) {
		s := dateSet{relation: r}
		for _, item := range items {
			d, ok := parseInstant(item.text)
			if !ok {
				return nil, faultf(item.at, "%q is not a date; write it as 2026-11-24T07:00:00Z or in seconds since 1970", item.text)
			}
			s.dates = append(s.dates, d)
		}
		return s, nil
	}
}
