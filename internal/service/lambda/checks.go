package lambda

import (
	"errors"
	"net/http"
	"runtime"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

// checkRuntime refuses a runtime that this machine does not have.
func (s *Service) checkRuntime(name string) error {
	if s.runtimes.Ready(name) {
		return nil
	}
	if name == "" {
		return fail("InvalidParameterValueException", "Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	return fail("InvalidParameterValueException", "The runtime parameter of %s is not available on this node. It has: %s. cloister runtimes add NAME DIRECTORY adds one; cloister doctor says what is missing.", clip(name), strings.Join(s.runtimes.Names(), ", "))
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
	deadLetter  *api.DeadLetterConfig
	fileSystems []*api.FileSystemConfig
	image       *api.ImageConfig
	snapStart   *api.SnapStart
	signing     *string
	packageType *string
}

func (e extras) check() error {
	switch {
	case e.deadLetter != nil && val(e.deadLetter.TargetArn) != "":
		return unavailable("dead letter queues yet", "leave out DeadLetterConfig")
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

// elsewhere is where a request says its code lies, other than in the call.
type elsewhere struct{ bucket, key, image *string }

// check refuses code that is not in the call itself.
func (e elsewhere) check() error {
	switch {
	case val(e.bucket) != "" || val(e.key) != "":
		return unavailable("code in S3", "send the package itself (ZipFile; aws lambda … --zip-file fileb://function.zip)")
	case val(e.image) != "":
		return unavailable("container images", "send a zip package for one of the runtimes that cloister doctor lists")
	}
	return nil
}

// checkOptions refuses tracing and log levels, which the data plane does not
// have yet.
func checkOptions(tracing *api.TracingConfig, logs *api.LoggingConfig) error {
	if tracing != nil && val(tracing.Mode) == "Active" {
		return unavailable("X-Ray tracing yet", "leave out TracingConfig, or use the mode PassThrough")
	}
	if logs == nil {
		return nil
	}
	levels := []string{or(logs.ApplicationLogLevel, "INFO"), or(logs.SystemLogLevel, "INFO")}
	if or(logs.LogFormat, "Text") == "Text" && (logs.ApplicationLogLevel != nil || logs.SystemLogLevel != nil) {
		return fail("InvalidParameterValueException", "To use ApplicationLogLevel or SystemLogLevel, set LogFormat to JSON.")
	}
	if levels[0] != "INFO" || levels[1] != "INFO" {
		return unavailable("log levels other than INFO yet", "leave out ApplicationLogLevel and SystemLogLevel")
	}
	return nil
}

// maxTimeout is AWS's limit of a function's timeout, in seconds, which the model
// forgets.
const maxTimeout = 900

func checkTimeout(seconds *int64) error {
	if val(seconds) > maxTimeout {
		return fail("ValidationException", "1 validation error detected: Value '%d' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to %d", *seconds, maxTimeout)
	}
	return nil
}

// checkRole refuses a role that Lambda may not assume, by assuming it.
func (s *Service) checkRole(c *door.Call, f ref, role string) error {
	_, err := s.assume(c, f, role, "validation")
	var e *awsapi.Error
	if errors.As(err, &e) && e.Status < http.StatusInternalServerError {
		return fail("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
	}
	return err
}

// resolveLayers finds the layers that a function names, in their order. It is
// asked again in the transaction, so that no layer goes in between.
func resolveLayers(c *door.Call, r store.Reader, arns []string) ([]layerRef, error) {
	if len(arns) > 5 {
		return nil, fail("InvalidParameterValueException", "You cannot reference more than 5 layers.")
	}
	var refs []layerRef
	seen := map[string]bool{}
	for _, arn := range arns {
		l, err := parseLayerVersion(c, arn)
		if err != nil {
			return nil, err
		}
		name := layerARN(l.Account, l.Region, l.Name)
		if seen[name] {
			return nil, fail("InvalidParameterValueException", "Two different versions of the same layer are not allowed to be referenced in the same function. %s is named twice.", name)
		}
		seen[name] = true
		found, err := findLayer(r, l)
		if err != nil {
			return nil, err
		}
		refs = append(refs, found)
	}
	return refs, nil
}

func findLayer(r store.Reader, l layerID) (layerRef, error) {
	v, err := layerVersions.Get(r, l.key())
	if errors.Is(err, store.ErrNotFound) {
		return layerRef{}, fail("InvalidParameterValueException", "Layer version %s does not exist.", l.arn())
	}
	if err != nil {
		return layerRef{}, err
	}
	return layerRef{ARN: l.arn(), Code: v.Code}, nil
}

// unavailable refuses what this node cannot do, and says what to do instead.
func unavailable(what, instead string) error {
	return fail("InvalidParameterValueException", "This node does not offer %s: %s.", what, instead)
}
