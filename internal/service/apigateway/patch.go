package apigateway

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	api "cloister/internal/awsapi/apigateway"
)

// patch changes what x points to by operations, each of which names a place by a
// path (https://docs.aws.amazon.com/apigateway/latest/developerguide/patch-operations.html).
// Paths are of the patterns only, in which * stands for one part.
func patch(x any, ops []*api.PatchOperation, patterns ...string) error {
	for _, op := range ops {
		if err := patchOne(x, op, patterns); err != nil {
			return err
		}
	}
	return nil
}

func patchOne(x any, op *api.PatchOperation, patterns []string) error {
	kind, path := val(op.Op), val(op.Path)
	parts := splitPath(path)
	if !slices.ContainsFunc(patterns, func(p string) bool { return matches(p, parts) }) {
		return badRequest("Invalid patch path  '%.200s' specified for op '%s'. Must be one of: [%s]", path, kind, strings.Join(patterns, ", "))
	}
	if kind != "add" && kind != "replace" && kind != "remove" {
		return badRequest("Invalid patch operation specified. Must be 'add'|'remove'|'replace'")
	}
	if kind != "remove" && op.Value == nil {
		return badRequest("Invalid null or empty value in %s", path)
	}
	if !put(reflect.ValueOf(x), parts, kind, op.Value) {
		return badRequest("Invalid patch value  specified '%.200s' for path '%.200s' and op '%s'", val(op.Value), path, kind)
	}
	return nil
}

// splitPath splits a JSON pointer (RFC 6901).
func splitPath(path string) []string {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, p := range parts {
		parts[i] = unpoint(p)
	}
	return parts
}

func unpoint(part string) string {
	return strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
}

func matches(pattern string, parts []string) bool {
	want := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	if len(want) != len(parts) {
		return false
	}
	for i := range want {
		if want[i] != "*" && want[i] != parts[i] || parts[i] == "" {
			return false
		}
	}
	return true
}

// put walks to a place and changes it. It says whether that could be done.
func put(at reflect.Value, parts []string, kind string, value *string) bool {
	for at.Kind() == reflect.Pointer && at.Type().Elem().Kind() == reflect.Struct {
		if at.IsNil() {
			if !at.CanSet() {
				return false
			}
			at.Set(reflect.New(at.Type().Elem()))
		}
		at = at.Elem()
	}
	if len(parts) == 0 {
		return leaf(at, kind, value)
	}
	switch at.Kind() {
	case reflect.Struct:
		f := at.FieldByName(strings.ToUpper(parts[0][:1]) + parts[0][1:])
		return f.IsValid() && put(f, parts[1:], kind, value)
	case reflect.Map:
		return putIntoMap(at, parts, kind, value)
	case reflect.Slice:
		return len(parts) == 1 && putIntoList(at, parts[0], kind, value)
	}
	return false
}

func putIntoMap(m reflect.Value, parts []string, kind string, value *string) bool {
	key := reflect.ValueOf(parts[0])
	if kind == "remove" && len(parts) == 1 {
		m.SetMapIndex(key, reflect.Value{})
		return true
	}
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	elem := reflect.New(m.Type().Elem()).Elem()
	if old := m.MapIndex(key); old.IsValid() {
		elem.Set(old)
	}
	if !put(elem, parts[1:], kind, value) {
		return false
	}
	m.SetMapIndex(key, elem)
	return true
}

// putIntoList adds or removes a member, which the path names, or replaces the one at
// a place.
func putIntoList(l reflect.Value, part, kind string, value *string) bool {
	list, ok := l.Addr().Interface().(*[]string)
	if !ok {
		return false
	}
	switch kind {
	case "remove":
		*list = slices.DeleteFunc(*list, func(s string) bool { return s == part })
	case "add":
		if !slices.Contains(*list, part) {
			*list = append(*list, part)
		}
	case "replace":
		i, err := strconv.Atoi(part)
		if err != nil {
			i = slices.Index(*list, part)
		}
		if i < 0 || i >= len(*list) {
			return false
		}
		(*list)[i] = *value
	}
	return true
}

func leaf(at reflect.Value, kind string, value *string) bool {
	if kind == "remove" {
		if l, ok := at.Addr().Interface().(*[]string); ok && value != nil {
			*l = slices.DeleteFunc(*l, func(s string) bool { return s == *value })
			return true
		}
		at.SetZero()
		return true
	}
	switch p := at.Addr().Interface().(type) {
	case **string:
		*p = value
	case *string:
		*p = *value
	case **bool:
		b, err := strconv.ParseBool(*value)
		*p = &b
		return err == nil
	case *bool:
		b, err := strconv.ParseBool(*value)
		*p = b
		return err == nil
	case **int64:
		n, err := strconv.ParseInt(*value, 10, 64)
		*p = &n
		return err == nil
	case **float64:
		f, err := strconv.ParseFloat(*value, 64)
		*p = &f
		return err == nil
	case *[]string:
		if kind == "add" {
			if !slices.Contains(*p, *value) {
				*p = append(*p, *value)
			}
			return true
		}
		*p = strings.Split(*value, ",")
	default:
		return false
	}
	return true
}
