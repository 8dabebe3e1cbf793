package main

import (
	"fmt"
	"strings"
)

var protocols = map[string]string{
	"query": "Query", "ec2": "EC2Query", "rest-json": "RestJSON", "rest-xml": "RestXML", "smithy-rpc-v2-cbor": "CBOR",
}

// emitOperations writes the service's table, its operations' and the typed
// handle of each.
func emitOperations(m *model) (string, error) {
	comment := fmt.Sprintf("// Package %s holds the wire types and tables of %s, generated from AWS's model:\n"+
		"// a server that follows them answers AWS's own clients.", m.pkg, m.metadata.string("serviceFullName"))
	out := newSource(m, comment, "cloister/internal/awsapi")
	service, err := m.service()
	if err != nil {
		return "", err
	}
	out.line("\n// Service is the table of %s.", m.metadata.string("serviceFullName"))
	out.line("var Service = awsapi.Service%s\n", service)
	out.line("// The tables cannot point at each other statically both ways.")
	out.line("func init() { Service.Operations = operations[:] }\n")
	out.line("var operations = [...]*awsapi.Operation{")
	for _, op := range m.ops {
		out.line("&op%s,", op.string("name"))
	}
	out.line("}\n\nvar (")
	for _, op := range m.ops {
		out.line("op%s = awsapi.Operation%s", op.string("name"), operation(op))
	}
	out.line(")\n\nvar (")
	for _, op := range m.ops {
		name := op.string("name")
		out.line("Op%s = awsapi.Op[%s, %s]{Operation: &op%s}", name, endType(op, "input"), endType(op, "output"), name)
	}
	out.line(")")
	return out.String(), nil
}

func (m *model) service() (string, error) {
	md := m.metadata
	var l literal
	l.quote("Name", md.string("endpointPrefix"))
	l.quote("ID", md.string("serviceId"))
	signing := md.string("signingName")
	if signing == "" {
		signing = md.string("endpointPrefix")
	}
	l.quote("SigningName", signing)
	l.quote("APIVersion", md.string("apiVersion"))
	l.quote("TargetPrefix", md.string("targetPrefix"))
	l.quote("XMLNamespace", md.string("xmlNamespace"))
	l.quote("GlobalEndpoint", md.string("globalEndpoint"))
	l.add("QueryCompatible", fmt.Sprint(md.has("awsQueryCompatible")))
	l.add("BareErrors", fmt.Sprint(md.bool("noErrorWrapping")))
	l.quote("ValidationCode", md.string("validationCode"))
	spoken, err := m.protocols()
	if err != nil {
		return "", err
	}
	l.add("Protocols", "[]awsapi.Protocol{"+strings.Join(spoken, ", ")+"}")
	if len(m.errors) > 0 {
		l.add("Errors", shapeList(m.errors))
	}
	return l.String(), nil
}

// protocols gives the model's own protocol first, then the others it lists.
func (m *model) protocols() ([]string, error) {
	names := []any{m.metadata.string("protocol")}
	names = union(names, m.metadata.list("protocols"))
	var constants []string
	for _, n := range names {
		constant := protocols[n.(string)]
		if n == "json" {
			constant = "JSON" + strings.ReplaceAll(m.metadata.string("jsonVersion"), ".", "")
		}
		if constant == "" {
			return nil, fmt.Errorf("the protocol %q is unknown to this generator", n)
		}
		constants = append(constants, "awsapi."+constant)
	}
	return constants, nil
}

func operation(op *object) string {
	var l literal
	http := op.object("http")
	l.quote("Name", op.string("name"))
	l.add("Service", "&Service")
	l.quote("Method", http.string("method"))
	l.quote("URI", http.string("requestUri"))
	l.add("StatusCode", http.number("responseCode").String())
	l.add("Input", shapeRef(op.object("input").string("shape")))
	l.add("Output", shapeRef(op.object("output").string("shape")))
	l.quote("ResultWrapper", op.object("output").string("resultWrapper"))
	l.quote("OutputName", op.object("output").string("locationName"))
	if errors := operationErrors(op); len(errors) > 0 {
		l.add("Errors", shapeList(errors))
	}
	return l.String()
}

func endType(op *object, end string) string {
	if name := op.object(end).string("shape"); name != "" {
		return exported(name)
	}
	return "awsapi.None"
}

func shapeList(names []string) string {
	refs := make([]string, len(names))
	for i, name := range names {
		refs[i] = shapeRef(name)
	}
	return "[]*awsapi.Shape{" + strings.Join(refs, ", ") + "}"
}

// shapeRef is the Go expression that points at a shape's table.
func shapeRef(name string) string {
	if name == "" {
		return "nil"
	}
	return "&shape" + exported(name)
}
