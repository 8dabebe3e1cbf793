package main

import (
	"fmt"
	"strings"
)

var kinds = map[string]string{
	"structure": "KindStructure", "list": "KindList", "map": "KindMap", "string": "KindString", "character": "KindString",
	"integer": "KindInteger", "long": "KindLong", "float": "KindFloat", "double": "KindDouble",
	"boolean": "KindBoolean", "timestamp": "KindTimestamp", "blob": "KindBlob",
}

var timeFormats = map[string]string{
	"iso8601": "TimeISO8601", "unixTimestamp": "TimeUnix", "rfc822": "TimeRFC822",
}

var locations = map[string]string{
	"header": "InHeader", "headers": "InHeaders", "uri": "InURI", "querystring": "InQuery", "statusCode": "InStatus",
}

// emitShapes writes the table of every reached shape as static data. Only a
// reference inside a cycle has to wait for init.
func emitShapes(m *model) (string, error) {
	out := newSource(m, "", "cloister/internal/awsapi")
	var late []string
	out.line("\nvar (")
	for _, name := range m.reached {
		e := shapeEmitter{m: m, name: name, shape: m.shapes.object(name)}
		text, err := e.emit()
		if err != nil {
			return "", fmt.Errorf("shape %s: %w", name, err)
		}
		out.line("shape%s = awsapi.Shape%s", exported(name), text)
		late = append(late, e.late...)
	}
	out.line(")")
	if len(late) > 0 {
		out.line("\n// References that lead back to where they start.\nfunc init() {\n%s\n}", strings.Join(late, "\n"))
	}
	return out.String(), nil
}

type shapeEmitter struct {
	m     *model
	name  string
	shape *object
	late  []string // assignments for init
}

func (e *shapeEmitter) emit() (string, error) {
	s := e.shape
	kind := kinds[s.string("type")]
	if kind == "" {
		return "", fmt.Errorf("type %q is unknown to this generator", s.string("type"))
	}
	var l literal
	l.quote("Name", e.name)
	l.add("Kind", "awsapi."+kind)
	l.add("Traits", shapeTraits(s))
	l.add("Time", constant(timeFormats, s.string("timestampFormat")))
	l.add("Members", e.members())
	l.add("Elem", e.one("Elem", "member", "value"))
	l.add("Key", e.one("Key", "key"))
	l.add("Limits", limits(s))
	l.quote("Payload", s.string("payload"))
	l.add("Error", errorInfo(s))
	l.add("XML", namespace(s))
	return l.String(), nil
}

func (e *shapeEmitter) members() string {
	members := e.shape.object("members")
	if len(members.keysOrNone()) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("[]awsapi.Member{\n")
	required := map[string]bool{}
	for _, r := range e.shape.list("required") {
		required[r.(string)] = true
	}
	for i, name := range members.keys {
		text := e.member(members.object(name), name, required[name], fmt.Sprintf("Members[%d]", i))
		b.WriteString(text + ",\n")
	}
	b.WriteString("}")
	return b.String()
}

func (e *shapeEmitter) one(field string, keys ...string) string {
	for _, key := range keys {
		if ref := e.shape.object(key); ref != nil {
			return "&awsapi.Member" + e.member(ref, "", false, field)
		}
	}
	return ""
}

func (e *shapeEmitter) member(ref *object, name string, required bool, place string) string {
	var l literal
	l.quote("Name", name)
	to := ref.string("shape")
	if e.m.inCycle(e.name, to) {
		e.late = append(e.late, fmt.Sprintf("shape%s.%s.Shape = %s", exported(e.name), place, shapeRef(to)))
	} else {
		l.add("Shape", shapeRef(to))
	}
	l.add("Traits", memberTraits(ref, required))
	l.add("Location", e.location(ref))
	l.add("Time", constant(timeFormats, ref.string("timestampFormat")))
	l.quote("LocationName", e.m.inherited(ref, "locationName"))
	l.quote("QueryName", ref.string("queryName"))
	l.add("XML", namespace(ref))
	return l.String()
}

// location of an event's header is, like any header's, outside the body.
func (e *shapeEmitter) location(ref *object) string {
	if ref.bool("eventheader") {
		return "awsapi.InHeader"
	}
	return constant(locations, e.m.inherited(ref, "location"))
}

// inherited is a reference's trait, or the one its shape gives to all
// references.
func (m *model) inherited(ref *object, trait string) string {
	if own := ref.string(trait); own != "" {
		return own
	}
	shape := m.shapes.object(ref.string("shape"))
	if shape.string("type") == "structure" {
		return ""
	}
	return shape.string(trait)
}

func constant(names map[string]string, key string) string {
	if names[key] == "" {
		return ""
	}
	return "awsapi." + names[key]
}

func shapeTraits(s *object) string {
	return traits(s, "sensitive", "Sensitive", "streaming", "Streaming", "eventstream", "EventStream",
		"flattened", "Flattened", "exception", "Exception")
}

func memberTraits(ref *object, required bool) string {
	t := traits(ref, "sensitive", "Sensitive", "streaming", "Streaming", "flattened", "Flattened", "xmlAttribute", "XMLAttribute",
		"jsonvalue", "JSONValue", "eventpayload", "EventPayload", "eventheader", "EventHeader", "hostLabel", "HostLabel")
	switch {
	case !required:
		return t
	case t == "":
		return "awsapi.Required"
	default:
		return "awsapi.Required | " + t
	}
}

func traits(o *object, pairs ...string) string {
	var on []string
	for i := 0; i < len(pairs); i += 2 {
		if o.bool(pairs[i]) {
			on = append(on, "awsapi."+pairs[i+1])
		}
	}
	return strings.Join(on, " | ")
}

func limits(s *object) string {
	var l literal
	l.add("HasMin", fmt.Sprint(s.has("min")))
	l.add("Min", s.number("min").String())
	l.add("HasMax", fmt.Sprint(s.has("max")))
	l.add("Max", s.number("max").String())
	l.quote("Pattern", s.string("pattern"))
	if enum := s.list("enum"); len(enum) > 0 {
		l.add("Enum", fmt.Sprintf("%#v", stringsOf(enum)))
	}
	if len(l.fields) == 0 {
		return ""
	}
	return "&awsapi.Limits" + l.String()
}

func stringsOf(list []any) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.(string)
	}
	return out
}

func errorInfo(s *object) string {
	if !s.bool("exception") {
		return ""
	}
	var l literal
	e := s.object("error")
	l.quote("Code", e.string("code"))
	l.add("Status", e.number("httpStatusCode").String())
	l.add("Fault", fmt.Sprint(s.bool("fault") || e.bool("fault")))
	return "&awsapi.ErrorInfo" + l.String()
}

func namespace(o *object) string {
	var l literal
	if uri, ok := o.get("xmlNamespace").(string); ok {
		l.quote("URI", uri)
	}
	l.quote("Prefix", o.object("xmlNamespace").string("prefix"))
	if len(l.fields) == 0 || l.fields[0][:6] == "Prefix" {
		l.quote("URI", o.object("xmlNamespace").string("uri"))
	}
	if len(l.fields) == 0 {
		return ""
	}
	return "&awsapi.XMLNamespace" + l.String()
}
