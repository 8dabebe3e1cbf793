package awsapi

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Scalars as text: in query strings, form bodies, XML, headers and paths.

// setText decodes text into v, a scalar that is already present.
func setText(s *Shape, tf TimeFormat, v reflect.Value, text string) error {
	switch s.Kind {
	case KindString:
		v.SetString(text)
		return nil
	case KindBlob:
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("value is not valid base64")
		}
		v.SetBytes(raw)
		return nil
	case KindTimestamp:
		t, err := parseTime(tf, text)
		if err != nil {
			return err
		}
		v.Set(reflect.ValueOf(t))
		return nil
	case KindBoolean:
		return setBool(v, text)
	case KindInteger, KindLong:
		return setInt(s, v, text)
	case KindFloat, KindDouble:
		return setFloat(v, text)
	}
	return fmt.Errorf("a structure, list or map is not expected here")
}

func setBool(v reflect.Value, text string) error {
	switch {
	case strings.EqualFold(text, "true"):
		v.SetBool(true)
	case strings.EqualFold(text, "false"):
		v.SetBool(false)
	default:
		return fmt.Errorf("%s must be true or false", quoted(text))
	}
	return nil
}

func setInt(s *Shape, v reflect.Value, text string) error {
	bits := 64
	if s.Kind == KindInteger {
		bits = 32
	}
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		return fmt.Errorf("%s is not a valid integer", quoted(text))
	}
	v.SetInt(n)
	return nil
}

func setFloat(v reflect.Value, text string) error {
	f, ok := specialFloat(text)
	if !ok {
		var err error
		f, err = strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return fmt.Errorf("%s is not a valid number", quoted(text))
		}
	}
	v.SetFloat(f)
	return nil
}

func specialFloat(text string) (float64, bool) {
	switch text {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// appendText encodes a present scalar.
func appendText(b []byte, s *Shape, tf TimeFormat, v reflect.Value) []byte {
	switch s.Kind {
	case KindString:
		return append(b, v.String()...)
	case KindBlob:
		return base64.StdEncoding.AppendEncode(b, v.Bytes())
	case KindTimestamp:
		return appendTime(b, tf, v.Interface().(time.Time))
	case KindBoolean:
		return strconv.AppendBool(b, v.Bool())
	case KindInteger, KindLong:
		return strconv.AppendInt(b, v.Int(), 10)
	default:
		return appendFloat(b, v.Float())
	}
}

func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	case f != 0 && (math.Abs(f) < 1e-6 || math.Abs(f) >= 1e21):
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// timeFormat settles a timestamp's format: the member's, the shape's, or what
// the place implies.
func timeFormat(m *Member, place TimeFormat) TimeFormat {
	if m.Time != TimeDefault {
		return m.Time
	}
	if m.Shape.Time != TimeDefault {
		return m.Shape.Time
	}
	return place
}

func appendTime(b []byte, tf TimeFormat, t time.Time) []byte {
	t = t.UTC()
	switch tf {
	case TimeUnix:
		b = strconv.AppendInt(b, t.Unix(), 10)
		if ms := t.Nanosecond() / 1e6; ms != 0 {
			b = append(b, strings.TrimRight(fmt.Sprintf(".%03d", ms), "0")...)
		}
		return b
	case TimeRFC822:
		return t.AppendFormat(b, http.TimeFormat)
	}
	return t.AppendFormat(b, "2006-01-02T15:04:05.999Z")
}

// parseTime reads a timestamp. Clients are not always exact about the format,
// so the other two are understood as well, as AWS does.
func parseTime(tf TimeFormat, text string) (time.Time, error) {
	if len(text) > 64 {
		return time.Time{}, fmt.Errorf("timestamp is too long")
	}
	order := [3]func(string) (time.Time, error){parseISO, parseUnix, http.ParseTime}
	switch tf {
	case TimeUnix:
		order = [3]func(string) (time.Time, error){parseUnix, parseISO, http.ParseTime}
	case TimeRFC822:
		order = [3]func(string) (time.Time, error){http.ParseTime, parseISO, parseUnix}
	}
	for _, parse := range order {
		if t, err := parse(text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is not a valid timestamp", quoted(text))
}

func parseISO(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err == nil {
		return t, nil
	}
	if t, err = time.Parse("2006-01-02T15:04:05.999999999", text); err == nil {
		return t, nil
	}
	return time.Parse("2006-01-02T15:04:05.999999999-0700", text)
}

func parseUnix(text string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err == nil && len(fraction) <= 9 && digits(fraction) {
		nanos, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
		if strings.HasPrefix(whole, "-") {
			nanos = -nanos
		}
		return unixTime(seconds, nanos)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > maxUnix {
		return time.Time{}, fmt.Errorf("not a number of seconds")
	}
	seconds = int64(math.Floor(f))
	return unixTime(seconds, int64(math.Round((f-math.Floor(f))*1e3))*1e6)
}

// maxUnix is the end of the year 9999, beyond which dates have no usual text.
const maxUnix = 253402300799

func unixTime(seconds, nanos int64) (time.Time, error) {
	if seconds > maxUnix || seconds < -62135596800 {
		return time.Time{}, fmt.Errorf("the year must be between 1 and 9999")
	}
	return time.Unix(seconds, nanos).UTC(), nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// quoted shows a client its own text, bounded.
func quoted(text string) string { return "'" + abridge(text, 100) + "'" }

// abridge cuts text to at most n runes.
func abridge(text string, n int) string {
	if len(text) <= n {
		return text
	}
	count := 0
	for i := range text {
		if count == n {
			return text[:i] + "..."
		}
		count++
	}
	return text
}

func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
