package secretsmanager

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	api "cloister/internal/awsapi/secretsmanager"
)

// rules say when a secret is rotated: after a number of days, or by a schedule,
// and within which window
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html).
type rules struct {
	Days     int64 // AutomaticallyAfterDays
	Schedule string
	Hours    int64 // of the window; 0: until the end of the day
}

var (
	ratePattern     = regexp.MustCompile(`^rate\(\s*(\d{1,4})\s+(hours?|days?)\s*\)$`)
	durationPattern = regexp.MustCompile(`^(\d{1,2})h$`)
)

func rulesOf(in *api.RotationRulesType) (r rules, err error) {
	r.Days, r.Schedule = val(in.AutomaticallyAfterDays), strings.TrimSpace(val(in.ScheduleExpression))
	switch {
	case in.AutomaticallyAfterDays != nil && r.Schedule != "":
		return r, badParameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression.")
	case in.AutomaticallyAfterDays == nil && r.Schedule == "":
		return r, badParameter("RotationRules need AutomaticallyAfterDays or ScheduleExpression.")
	}
	if in.Duration != nil {
		m := durationPattern.FindStringSubmatch(*in.Duration)
		if m == nil {
			return r, badParameter("The Duration %q is not a number of hours such as 3h.", *in.Duration)
		}
		r.Hours, _ = strconv.ParseInt(m[1], 10, 64)
		if r.Hours < 1 || r.Hours > 24 {
			return r, badParameter("The rotation window must have 1 to 24 hours.")
		}
	}
	return r, r.check()
}

func (r rules) check() error {
	if r.Schedule == "" {
		return nil
	}
	if strings.HasPrefix(r.Schedule, "rate(") {
		n, hours, ok := r.rate()
		switch {
		case !ok:
			return badParameter("The rate in ScheduleExpression %q is not one such as rate(10 days) or rate(12 hours).", r.Schedule)
		case hours && (n < 4 || n > 23976) || !hours && (n < 1 || n > 999):
			return badParameter("Secrets Manager rotates a secret every 4 hours to 999 days.")
		case hours && r.Hours >= n:
			return badParameter("The rotation window must end before the next one begins.")
		}
		return nil
	}
	if _, err := parseCron(r.Schedule); err != nil {
		return badParameter("The ScheduleExpression %q is not one: %s.", r.Schedule, err)
	}
	return nil
}

// rate is the number of hours or days between rotations.
func (r rules) rate() (n int64, hours, ok bool) {
	if r.Schedule == "" {
		return r.Days, false, r.Days > 0
	}
	m := ratePattern.FindStringSubmatch(r.Schedule)
	if m == nil {
		return 0, false, false
	}
	n, _ = strconv.ParseInt(m[1], 10, 64)
	return n, strings.HasPrefix(m[2], "hour"), n > 0
}

// next is the window of the first rotation after a time, zero if there is none.
// Times are UTC. A rate in days begins at midnight, a rate in hours on the hour.
func (r rules) next(after time.Time) (start, end time.Time) {
	after = after.UTC()
	n, hours, isRate := r.rate()
	switch {
	case isRate && hours:
		start = after.Add(time.Duration(n) * time.Hour).Truncate(time.Hour)
	case isRate:
		start = after.Truncate(24*time.Hour).AddDate(0, 0, int(n))
	default:
		schedule, err := parseCron(r.Schedule)
		if err != nil {
			return start, end
		}
		start = schedule.next(after)
	}
	if start.IsZero() {
		return start, end
	}
	switch {
	case r.Hours > 0:
		end = start.Add(time.Duration(r.Hours) * time.Hour)
	case isRate && hours:
		end = start.Add(time.Hour)
	default:
		end = start.Truncate(24*time.Hour).AddDate(0, 0, 1).Add(-time.Second)
	}
	return start, end
}

func (r rules) wire() *api.RotationRulesType {
	out := &api.RotationRulesType{ScheduleExpression: some(r.Schedule)}
	if r.Days > 0 {
		out.AutomaticallyAfterDays = &r.Days
	}
	if r.Hours > 0 {
		out.Duration = ptr(strconv.FormatInt(r.Hours, 10) + "h")
	}
	return out
}
