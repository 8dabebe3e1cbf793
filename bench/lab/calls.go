package lab

import (
	"fmt"

	"cloister/bench/load"
)

// FunctionName is the function that Calls calls.
const FunctionName = "bench"

// InvokePath is where a function is invoked.
func InvokePath(name string) string { return "/2015-03-31/functions/" + name + "/invocations" }

// Calls are the measured calls of user at a server: invoke, identity
// (GetCallerIdentity) and function (GetFunction).
func Calls(address string, user Key) map[string]*load.Target {
	identity := load.Request{Method: "POST", Path: "/", ContentType: FormType, Body: []byte("Action=GetCallerIdentity&Version=2011-06-15")}
	function := load.Request{Method: "GET", Path: "/2015-03-31/functions/" + FunctionName, ContentType: "application/json"}
	return map[string]*load.Target{
		"invoke":   {Address: address, Author: user.Signer("lambda"), Check: load.Echoed, Request: invocation},
		"identity": {Address: address, Author: user.Signer("sts"), Check: load.Holds("<Arn>"), Request: always(identity)},
		"function": {Address: address, Author: user.Signer("lambda"), Check: load.Holds("function:" + FunctionName), Request: always(function)},
	}
}

// invocation is a call with an event of its own, which comes back.
func invocation(client, n int) load.Request {
	return load.Request{Method: "POST", Path: InvokePath(FunctionName), ContentType: "application/json", Body: fmt.Appendf(nil, `{"client":%d,"n":%d}`, client, n)}
}

func always(r load.Request) func(int, int) load.Request {
	return func(int, int) load.Request { return r }
}
