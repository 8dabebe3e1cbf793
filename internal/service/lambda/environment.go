package lambda

import (
	"encoding/json"
	"regexp"
	"sort"
	"strings"

	"cloister/internal/service/lambda/invoke"
)

// reserved are the variables that Lambda sets itself and lets nobody set
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime):
// those of the data plane, and those it does not have yet.
var reserved = func() map[string]bool {
	names := map[string]bool{
		"AWS_LAMBDA_MAX_CONCURRENCY": true, "AWS_LAMBDA_METADATA_API": true, "AWS_LAMBDA_METADATA_TOKEN": true,
	}
	for _, name := range invoke.ReservedVariables() {
		names[name] = true
	}
	return names
}()

var variablePattern = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)

// maxEnvironment is what all variables together may take as JSON, in bytes.
const maxEnvironment = 4096

// checkEnvironment refuses variables that AWS refuses. Its errors name no
// variable but reserved ones: names are as sensitive as values.
func checkEnvironment(variables map[string]string) error {
	return firstError(
		func() error { return checkReserved(variables) },
		func() error { return checkVariables(variables) },
		func() error { return checkEnvironmentSize(variables) },
	)
}

func checkReserved(variables map[string]string) error {
	var taken []string
	for name := range variables {
		if reserved[name] {
			taken = append(taken, name)
		}
	}
	if len(taken) == 0 {
		return nil
	}
	sort.Strings(taken)
	return fail("InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(taken, ", "))
}

func checkVariables(variables map[string]string) error {
	for name, value := range variables {
		if !variablePattern.MatchString(name) {
			return fail("InvalidParameterValueException", "The name of an environment variable is invalid: it must start with a letter and hold letters, digits and underscores, two characters at least.")
		}
		if strings.ContainsRune(value, 0) {
			return fail("InvalidParameterValueException", "The value of an environment variable holds a NUL character.")
		}
	}
	return nil
}

func checkEnvironmentSize(variables map[string]string) error {
	text, err := json.Marshal(variables)
	if err != nil {
		return err
	}
	if len(variables) > 0 && len(text) > maxEnvironment {
		return fail("InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %d bytes", len(text))
	}
	return nil
}
