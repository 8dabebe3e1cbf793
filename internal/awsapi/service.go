package awsapi

import (
	"sort"
)

// A Service is the table of one AWS service. Generated; immutable after
// package initialisation.
type Service struct {
	Name           string // the model's endpoint prefix: "lambda", "logs"
	ID             string // the model's service id: "CloudWatch Logs"
	SigningName    string // the service name in a credential scope
	APIVersion     string // "2015-03-31"; the query protocol's Version
	TargetPrefix   string // the part of X-Amz-Target before the dot
	XMLNamespace   string // of query and restXml answers
	GlobalEndpoint string // host name of services without regions, or ""
	// QueryCompatible services answer JSON and CBOR clients with the query
	// protocol's error codes in the header x-amzn-query-error.
	QueryCompatible bool
	// BareErrors services write restXml errors without a wrapper, as S3 does.
	BareErrors bool
	// ValidationCode is the service's own code for input that its model
	// refuses; "" takes the protocol's common one.
	ValidationCode string
	Protocols      []Protocol   // every protocol that its clients speak; the first is the model's
	Operations     []*Operation // sorted by name
	Errors         []*Shape     // every error shape of its operations, sorted by name
}

// Operation returns the operation of that name, or nil.
func (s *Service) Operation(name string) *Operation {
	i := sort.Search(len(s.Operations), func(i int) bool { return s.Operations[i].Name >= name })
	if i < len(s.Operations) && s.Operations[i].Name == name {
		return s.Operations[i]
	}
	return nil
}

// speaks says whether the service's clients use protocol p.
func (s *Service) speaks(p Protocol) bool {
	for _, q := range s.Protocols {
		if p == q {
			return true
		}
	}
	return false
}

// An Operation is the table of one operation. Generated; the pointer identifies
// the operation for the life of the process.
type Operation struct {
	Name          string
	Service       *Service
	Method        string // of the REST protocols
	URI           string // of the REST protocols: "/2015-03-31/functions/{FunctionName}"
	StatusCode    int    // of a success; 0 means 200
	Input, Output *Shape // structures, or nil where the model has none
	Errors        []*Shape
	ResultWrapper string // element around a query protocol's result
	OutputName    string // root element of a restXml answer; "" takes the output shape's name
}

// String is the operation's name with its service's: "lambda:Invoke".
func (o *Operation) String() string { return o.Service.Name + ":" + o.Name }

// Op binds an operation to the Go types of its input and output. The generated
// packages declare one for each operation; nothing else should.
type Op[In, Out any] struct{ *Operation }

// None is the input or output of an operation whose model has none.
type None struct{}
