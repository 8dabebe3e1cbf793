package platform

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"cloister/internal/awsapi"
)

// shapeOf makes the shape of a Go type. A field's tag `api:"…"` says more of
// it, with commas between: required, sensitive, min=N, max=N, enum=A|B and
// pattern=… (which must come last, and may have commas); a field tagged `api:"-"`
// is no part of the shape. It panics on what has no shape: types are part of
// the program.
func shapeOf(t reflect.Type) *awsapi.Shape {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := &awsapi.Shape{Name: t.Name()}
	switch {
	case t == reflect.TypeFor[time.Time]():
		s.Kind = awsapi.KindTimestamp
	case t.Kind() == reflect.Struct:
		s.Kind = awsapi.KindStructure
		for i := range t.NumField() {
			if t.Field(i).Tag.Get("api") != "-" {
				s.Members = append(s.Members, member(t.Field(i)))
			}
		}
	case t.Kind() == reflect.Slice:
		s.Kind, s.Elem = awsapi.KindList, &awsapi.Member{Shape: shapeOf(t.Elem())}
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		s.Kind, s.Key, s.Elem = awsapi.KindMap, &awsapi.Member{Shape: shapeOf(t.Key())}, &awsapi.Member{Shape: shapeOf(t.Elem())}
	case t.Kind() == reflect.String:
		s.Kind = awsapi.KindString
	case t.Kind() == reflect.Bool:
		s.Kind = awsapi.KindBoolean
	case t.Kind() == reflect.Int64:
		s.Kind = awsapi.KindLong
	default:
		panic(fmt.Sprintf("platform: %s has no shape", t))
	}
	return s
}

func member(f reflect.StructField) awsapi.Member {
	m := awsapi.Member{Name: f.Name, Shape: shapeOf(f.Type)}
	for rest := f.Tag.Get("api"); rest != ""; {
		var rule string
		if strings.HasPrefix(rest, "pattern=") {
			rule, rest = rest, ""
		} else {
			rule, rest, _ = strings.Cut(rest, ",")
		}
		apply(&m, rule)
	}
	return m
}

// apply writes one rule of a tag into a member or the limits of its shape.
func apply(m *awsapi.Member, rule string) {
	name, value, _ := strings.Cut(rule, "=")
	l := m.Shape.Limits
	if l == nil && name != "required" && name != "sensitive" {
		l = &awsapi.Limits{}
		m.Shape.Limits = l
	}
	switch name {
	case "required":
		m.Traits |= awsapi.Required
	case "sensitive":
		m.Traits |= awsapi.Sensitive
	case "min":
		l.HasMin, l.Min = true, number(value)
	case "max":
		l.HasMax, l.Max = true, number(value)
	case "enum":
		l.Enum = strings.Split(value, "|")
	case "pattern":
		l.Pattern = value
	default:
		panic("platform: no rule " + rule)
	}
}

func number(s string) float64 {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return n
}
