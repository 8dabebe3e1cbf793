package secretsmanager

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cron is an expression of six fields: minutes, hours, day of the month, month,
// day of the week, year. Secrets Manager takes 0 minutes only
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html).
type cron struct {
	hours, months, years map[int]bool
	days                 dayRule
}

// dayRule says on which days: one of the two fields is ?.
type dayRule struct {
	ofMonth   map[int]bool
	lastDay   bool // L
	ofWeek    map[int]bool
	nth       map[int]int  // 6#3: the third Friday
	lastOf    map[int]bool // 6L: the last Friday
	byWeekday bool
}

const (
	firstYear = 1970
	lastYear  = 2199
)

var (
	monthNames = names("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")
	dayNames   = names("SUN MON TUE WED THU FRI SAT")
)

func names(all string) map[string]int {
	m := map[string]int{}
	for i, name := range strings.Fields(all) {
		m[name] = i + 1
	}
	return m
}

func parseCron(text string) (*cron, error) {
	inner, ok := strings.CutPrefix(text, "cron(")
	inner, closed := strings.CutSuffix(inner, ")")
	fields := strings.Fields(strings.ToUpper(inner))
	if !ok || !closed || len(fields) != 6 {
		return nil, errors.New("it is neither rate(…) nor cron(…) with six fields")
	}
	if fields[0] != "0" {
		return nil, errors.New("the minutes must be 0")
	}
	c := &cron{}
	var err error
	if c.hours, err = parseField(fields[1], 0, 23, nil); err != nil {
		return nil, fmt.Errorf("hours: %w", err)
	}
	if c.months, err = parseField(fields[3], 1, 12, monthNames); err != nil {
		return nil, fmt.Errorf("month: %w", err)
	}
	if c.years, err = parseField(fields[5], firstYear, lastYear, nil); err != nil {
		return nil, fmt.Errorf("year: %w", err)
	}
	return c, c.days.parse(fields[2], fields[4])
}

func (d *dayRule) parse(ofMonth, ofWeek string) (err error) {
	if (ofMonth == "?") == (ofWeek == "?") {
		return errors.New("exactly one of day of month and day of week must be ?")
	}
	if ofWeek == "?" {
		if ofMonth == "L" {
			d.lastDay = true
			return nil
		}
		d.ofMonth, err = parseField(ofMonth, 1, 31, nil)
		return err
	}
	d.byWeekday = true
	day, nth, isNth := strings.Cut(ofWeek, "#")
	last := strings.HasSuffix(ofWeek, "L")
	switch {
	case isNth:
		n, err := parseNumber(nth, 1, 5, nil)
		if err != nil {
			return err
		}
		weekday, err := parseNumber(day, 1, 7, dayNames)
		d.nth = map[int]int{weekday: n}
		return err
	case last:
		weekday, err := parseNumber(strings.TrimSuffix(ofWeek, "L"), 1, 7, dayNames)
		d.lastOf = map[int]bool{weekday: true}
		return err
	}
	d.ofWeek, err = parseField(ofWeek, 1, 7, dayNames)
	return err
}

// parseField reads a list of values, ranges and steps.
func parseField(text string, low, high int, names map[string]int) (map[int]bool, error) {
	all := map[int]bool{}
	for _, part := range strings.Split(text, ",") {
		part, step, stepped := strings.Cut(part, "/")
		by := 1
		if stepped {
			var err error
			if by, err = parseNumber(step, 1, high, nil); err != nil {
				return nil, err
			}
		}
		from, to := low, high
		if part != "*" {
			first, second, isRange := strings.Cut(part, "-")
			var err error
			if from, err = parseNumber(first, low, high, names); err != nil {
				return nil, err
			}
			if !stepped {
				to = from
			}
			if isRange {
				if to, err = parseNumber(second, low, high, names); err != nil {
					return nil, err
				}
			}
		}
		if from > to {
			return nil, fmt.Errorf("%s ends before it begins", part)
		}
		for n := from; n <= to; n += by {
			all[n] = true
		}
	}
	return all, nil
}

func parseNumber(text string, low, high int, names map[string]int) (int, error) {
	if n, ok := names[text]; ok {
		return n, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is not between %d and %d", text, low, high)
	}
	return n, nil
}

// next is the first time after another, zero if there is none in the next
// hundred years.
func (c *cron) next(after time.Time) time.Time {
	after = after.UTC()
	day := after.Truncate(24 * time.Hour)
	for end := day.AddDate(100, 0, 0); day.Before(end); day = day.AddDate(0, 0, 1) {
		if !c.years[day.Year()] || !c.months[int(day.Month())] || !c.days.has(day) {
			continue
		}
		for hour := range 24 {
			if at := day.Add(time.Duration(hour) * time.Hour); c.hours[hour] && at.After(after) {
				return at
			}
		}
	}
	return time.Time{}
}

func (d *dayRule) has(day time.Time) bool {
	isLastWeek := day.AddDate(0, 0, 7).Month() != day.Month()
	weekday := int(day.Weekday()) + 1
	switch {
	case !d.byWeekday:
		return d.ofMonth[day.Day()] || d.lastDay && day.AddDate(0, 0, 1).Month() != day.Month()
	case d.nth[weekday] > 0:
		return (day.Day()-1)/7+1 == d.nth[weekday]
	case d.lastOf[weekday]:
		return isLastWeek
	}
	return d.ofWeek[weekday]
}
