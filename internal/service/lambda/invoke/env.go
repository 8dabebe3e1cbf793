package invoke

import (
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// environment is everything a cell has for its environment: what AWS sets, the
// runtime's own, and the function's variables, which win over what AWS lets
// them override. Names that AWS reserves are refused where they are set, and
// cannot win here either.
// docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func environment(fn *Function, own map[string]string, ofRuntime []string, c Credentials, stream string) []string {
	env := platformEnvironment(fn, ofRuntime)
	maps.Copy(env, own)
	maps.Copy(env, reserved(fn, c, stream))
	return pairs(env)
}

// platformEnvironment is what is the same for all functions of a runtime, but for
// Go's number of processors.
func platformEnvironment(fn *Function, ofRuntime []string) map[string]string {
	env := map[string]string{
		"LANG":             "en_US.UTF-8",
		"TZ":               ":UTC",
		"PATH":             "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"LD_LIBRARY_PATH":  "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"AWS_ENDPOINT_URL": "http://" + addrPlatform,
	}
	if strings.HasPrefix(fn.Runtime, "provided") {
		env["GOMAXPROCS"] = strconv.Itoa(fn.processors(runtime.NumCPU()))
	}
	setAll(env, ofRuntime)
	return env
}

// pairs is an environment as a program gets it, sorted.
func pairs(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

func setAll(env map[string]string, pairs []string) {
	for _, p := range pairs {
		for i := range len(p) {
			if p[i] == '=' {
				env[p[:i]] = p[i+1:]
				break
			}
		}
	}
}

// reserved are the variables that a function cannot set.
func reserved(fn *Function, c Credentials, stream string) map[string]string {
	format := fn.LogFormat
	if format == "" {
		format = "Text"
	}
	return map[string]string{
		"_HANDLER":                        fn.Handler,
		"AWS_DEFAULT_REGION":              fn.Region,
		"AWS_REGION":                      fn.Region,
		"AWS_EXECUTION_ENV":               "AWS_Lambda_" + fn.Runtime,
		"AWS_LAMBDA_FUNCTION_NAME":        fn.Name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(fn.MemoryMB),
		"AWS_LAMBDA_FUNCTION_VERSION":     fn.Version,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           format,
		"AWS_LAMBDA_LOG_GROUP_NAME":       fn.logGroup(),
		"AWS_LAMBDA_LOG_STREAM_NAME":      stream,
		"AWS_ACCESS_KEY_ID":               c.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":           c.SecretAccessKey,
		"AWS_SESSION_TOKEN":               c.SessionToken,
		"AWS_LAMBDA_RUNTIME_API":          addrRuntimeAPI,
		"LAMBDA_TASK_ROOT":                "/var/task",
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
	}
}

// ReservedVariables lists the names that AWS refuses in a function's own
// environment, sorted.
func ReservedVariables() []string {
	names := slices.Collect(maps.Keys(reserved(&Function{}, Credentials{}, "")))
	names = append(names, "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_SECRET_KEY")
	slices.Sort(names)
	return names
}
