package invoke

import (
	"testing"
	"time"
)

func js(source string) map[string]string  { return map[string]string{"m.js": source} }
func mjs(source string) map[string]string { return map[string]string{"m.mjs": source} }

func TestNode(t *testing.T)            { runCases(t, nodeRuntime(t), nodeCases()) }
func TestNodeBootedAhead(t *testing.T) { runBooted(t, nodeRuntime(t), nodeCases()) }

func nodeCases() []realCase {
	return []realCase{
		{name: "an async handler", files: js("exports.h = async (e) => ({got: e})"), event: `{"a":[1,null]}`, want: `\{"got":\{"a":\[1,null\]\}\}`,
			log: `REPORT RequestId: ID\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: [1-9]\d* MB\tInit Duration: [\d.]+ ms\t`},
		{name: "a callback", files: js("exports.h = (e, c, cb) => setTimeout(() => cb(null, 'later'), 5)"), want: `"later"`},
		{name: "the callback waits for the event loop", files: js("exports.h = (e, c, cb) => { let x = 0; setTimeout(() => { x = 1 }, 20); cb(null, {get x() { return x }}) }"), want: `\{"x":1\}`},
		{name: "unless it is told not to", files: js("exports.h = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 1e6); cb(null, 'now') }"), want: `"now"`},
		{name: "context.succeed", files: js("exports.h = (e, c) => c.succeed('yes')"), want: `"yes"`},
		{name: "context.fail", files: js("exports.h = (e, c) => c.fail(new Error('bad'))"), want: `Unhandled Error: bad`},
		{name: "a string as an error", files: js("exports.h = (e, c, cb) => cb('text')"), want: `Unhandled string: text`},
		{name: "nothing", files: js("exports.h = async () => {}"), want: `null`},
		{name: "a module", files: mjs("export const h = async (e) => import.meta.url"), want: `"file:///var/task/m.mjs"`},
		{name: "a package of modules", files: map[string]string{"m.js": "export const h = async () => 'esm'", "package.json": `{"type":"module"}`}, want: `"esm"`},
		{name: "in a folder, nested", handler: "a/m.x.h", files: map[string]string{"a/m.js": "exports.x = {h: async () => 'deep'}"}, want: `"deep"`},
		{name: "the context", files: js(`exports.h = async (e, c) => [c.functionName, c.functionVersion, c.memoryLimitInMB, c.invokedFunctionArn.slice(0, 15),
			c.logGroupName, c.awsRequestId.length, c.getRemainingTimeInMillis() > 0, c.callbackWaitsForEmptyEventLoop]`),
			want: `\["f","\$LATEST","256","arn:aws:lambda:","/aws/lambda/f",36,true,true\]`},
		{name: "an exception", files: js("exports.h = async () => { throw new TypeError('no') }"), want: `Unhandled TypeError: no`,
			log: `Z\tID\tERROR\tInvoke Error \{"errorType":"TypeError","errorMessage":"no","stack":\["TypeError: no","    at .*m.js:1`},
		{name: "no such module", handler: "nope.h", files: js(""), want: `Unhandled Runtime.ImportModuleError: Error: Cannot find module 'nope'.*`},
		{name: "a module that lacks another", files: js("require('nothere')"), want: `Unhandled Runtime.ImportModuleError: Error: Cannot find module 'nothere'.*`},
		{name: "no such handler", handler: "m.nope", files: js(""), want: `Unhandled Runtime.HandlerNotFound: m.nope is undefined or not exported`},
		{name: "not a function", files: js("exports.h = 1"), want: `Unhandled Runtime.HandlerNotFound: m.h is not a function`},
		{name: "a bad handler name", handler: "../m.h", files: js(""), want: `Unhandled Runtime.MalformedHandlerName: '../m.h' is not a valid handler name.*`},
		{name: "a syntax error", files: js("exports.h = ("), want: `Unhandled Runtime.UserCodeSyntaxError: SyntaxError: .*`},
		{name: "an exception at load", files: js("throw new RangeError('at load')"), want: `Unhandled RangeError: at load`},
		{name: "an exception that nobody catches", files: js("exports.h = (e, c, cb) => setTimeout(() => { throw new Error('later') }, 1)"), want: `Unhandled Error: later`},
		{name: "a rejection that nobody handles", files: js("exports.h = async () => { Promise.reject(new Error('lost')); await new Promise(r => setTimeout(r, 1000)) }"),
			want: `Unhandled Runtime.UnhandledPromiseRejection: Error: lost`},
		{name: "a promise that never settles", files: js("exports.h = async () => new Promise(() => {})"), want: `Unhandled Runtime.NodeJsExit: The Lambda runtime client.*`},
		{name: "a callback that is never called", files: js("exports.h = (e, c, cb) => {}"), want: `null`},
		{name: "a circular result", files: js("exports.h = async () => { const x = {}; x.x = x; return x }"), want: `Unhandled Error: Unable to stringify response body`},
		{name: "it exits", files: js("exports.h = async () => process.exit(5)"), want: `Unhandled Runtime.ExitError: RequestId: ID Error: Runtime exited with error: exit status 5`},
		{name: "it takes too long", files: js("exports.h = async () => { for (;;); }"), change: func(f *Function) { f.Timeout = time.Second },
			want: `Unhandled Sandbox.Timedout: RequestId: ID Error: Task timed out after 1.00 seconds`},
		{name: "the console", files: js("exports.h = async () => { console.log('a', {b: 1}); console.error('two\\nlines') }"), want: "null",
			log: "Z\tID\tINFO\ta { b: 1 }\n.*Z\tID\tERROR\ttwo\rlines\n"},
		{name: "a streaming handler, called plainly", files: js("exports.h = awslambda.streamifyResponse(async (e, s) => { s.write('a'); s.write('b'); s.end() })"), want: `ab`},
	}
}
