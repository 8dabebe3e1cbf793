// Package platform is the wire types and tables of the operations that this
// platform has and AWS has not, such as Explain. They are the service
// "cloister": awsJson 1.1 with X-Amz-Target "Cloister.OPERATION", signed for
// "cloister", and their permissions are actions of it ("cloister:Explain"). An
// operation's shapes are made from its Go types, so that the two cannot
// disagree. Each operation has a file of its own.
package platform

import (
	"reflect"
	"slices"
	"strings"

	"cloister/internal/awsapi"
)

// Name is the service's name in endpoints, credential scopes and actions.
const Name = "cloister"

// TargetPrefix is the part of X-Amz-Target before the dot.
const TargetPrefix = "Cloister"

// Service is the table of the platform's own operations.
var Service = awsapi.Service{
	Name: Name, ID: "Cloister", SigningName: Name, APIVersion: "2026-11-24", TargetPrefix: TargetPrefix,
	ValidationCode: "ValidationException", Protocols: []awsapi.Protocol{awsapi.JSON11},
}

// define adds an operation to the table. It is for package variables only.
func define[In, Out any](name string) awsapi.Op[In, Out] { return defineIn[In, Out](&Service, name) }

// defineIn adds an operation to a service's table.
func defineIn[In, Out any](service *awsapi.Service, name string) awsapi.Op[In, Out] {
	op := &awsapi.Operation{
		Name: name, Service: service, Method: "POST", URI: "/",
		Input: shapeOf(reflect.TypeFor[In]()), Output: shapeOf(reflect.TypeFor[Out]()),
	}
	at, _ := slices.BinarySearchFunc(service.Operations, name, func(o *awsapi.Operation, name string) int { return strings.Compare(o.Name, name) })
	service.Operations = slices.Insert(service.Operations, at, op)
	return awsapi.Op[In, Out]{Operation: op}
}
