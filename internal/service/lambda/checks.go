package lambda

import (
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strings"

	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
)

// reserved are the variables that Lambda sets itself
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime).
var reserved = map[string]bool{
	"_HANDLER": true, "_X_AMZN_TRACE_ID": true, "AWS_DEFAULT_REGION": true, "AWS_REGION": true,
	"AWS_EXECUTION_ENV": true, "AWS_LAMBDA_FUNCTION_NAME": true, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": true,
	"AWS_LAMBDA_FUNCTION_VERSION": true, "AWS_LAMBDA_INITIALIZATION_TYPE": true, "AWS_LAMBDA_LOG_GROUP_NAME": true,
	"AWS_LAMBDA_LOG_STREAM_NAME": true, "AWS_ACCESS_KEY": true, "AWS_ACCESS_KEY_ID": true,
	"AWS_SECRET_ACCESS_KEY": true, "AWS_SESSION_TOKEN": true, "AWS_LAMBDA_RUNTIME_API": true,
	"LAMBDA_TASK_ROOT": true, "LAMBDA_RUNTIME_DIR": true, "AWS_LAMBDA_MAX_CONCURRENCY": true,
	"AWS_LAMBDA_METADATA_API": true, "AWS_LAMBDA_METADATA_TOKEN": true,
}

var variablePattern = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)

// maxEnvironment is what all variables together may take, in bytes.
const maxEnvironment = 4096

// checkEnvironment refuses variables that AWS refuses, and those with which a
// function would leave the platform's own endpoint.
func checkEnvironment(variables map[string]string) error {
	var taken []string
	size := 0
	for name, value := range variables {
		size += len(name) + len(value)
		if reserved[name] {
			taken = append(taken, name)
			continue
		}
		if !variablePattern.MatchString(name) {
			return fail("InvalidParameterValueException", "The environment variable name %q is invalid: it must start with a letter and hold letters, digits and underscores, two characters at least.", clip(name))
		}
		if strings.ContainsRune(value, 0) {
			return fail("InvalidParameterValueException", "The value of the environment variable %s holds a NUL character.", name)
		}
	}
	if len(taken) > 0 {
		sort.Strings(taken)
		return fail("InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(taken, ", "))
	}
	if size > maxEnvironment {
		return fail("InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %d bytes", size)
	}
	return nil
}

// checkRuntime refuses a runtime that this machine does not have.
func (s *Service) checkRuntime(name string) error {
	names := s.runtimes.Names()
	if slices.Contains(names, name) {
		return nil
	}
	if name == "" {
		return fail("InvalidParameterValueException", "Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	return fail("InvalidParameterValueException", "The runtime parameter of %s is not available on this node. It has: %s. cloister runtimes add NAME DIRECTORY adds one; cloister doctor says what is missing.", clip(name), strings.Join(names, ", "))
}

// architecture is that of this machine, the only one it runs.
func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

func checkArchitectures(asked []string) error {
	if len(asked) > 0 && (len(asked) > 1 || asked[0] != architecture()) {
		return unavailable("the architecture "+clip(strings.Join(asked, ", ")), "this machine runs "+architecture()+" functions")
	}
	return nil
}

// extras are the settings that this node refuses when they ask for something:
// ignoring one would give less than was asked for without a word.
type extras struct {
	vpc         *api.VpcConfig
	deadLetter  *api.DeadLetterConfig
	kmsKey      *string
	fileSystems []*api.FileSystemConfig
	image       *api.ImageConfig
	snapStart   *api.SnapStart
	signing     *string
	packageType *string
}

func (e extras) check() error {
	switch {
	case e.vpc != nil && len(e.vpc.SubnetIds)+len(e.vpc.SecurityGroupIds) > 0:
		return unavailable("VPC networks yet", "leave out VpcConfig; a function has no network but the platform's own endpoint")
	case e.deadLetter != nil && val(e.deadLetter.TargetArn) != "":
		return unavailable("dead letter queues yet", "leave out DeadLetterConfig")
	case val(e.kmsKey) != "":
		return unavailable("customer keys yet", "leave out KMSKeyArn; everything is sealed under the node's own key")
	case len(e.fileSystems) > 0:
		return unavailable("file systems", "leave out FileSystemConfigs and use /tmp, or a layer for data that does not change")
	case e.image != nil || val(e.packageType) == "Image":
		return unavailable("container images", "use PackageType Zip")
	case e.snapStart != nil && val(e.snapStart.ApplyOn) == "PublishedVersions":
		return unavailable("SnapStart", "leave out SnapStart")
	case val(e.signing) != "":
		return unavailable("code signing yet", "leave out CodeSigningConfigArn")
	}
	return nil
}

// checkRole refuses a role that Lambda may not assume, by assuming it.
func (s *Service) checkRole(c *door.Call, f ref, role string) error {
	if _, err := s.assume(c, f, role, "validation"); err != nil {
		return fail("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
	}
	return nil
}

// resolveLayers finds the layers that a function names, in their order.
func resolveLayers(c *door.Call, arns []string) (refs []layerRef, err error) {
	if len(arns) > 5 {
		return nil, fail("InvalidParameterValueException", "You cannot reference more than 5 layers.")
	}
	err = c.View(readLayers(arns, &refs))
	return refs, err
}
