package lambda

import (
	"context"
	"errors"

	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// needsOfCreate are the function, the role it gets, its tags and the layers it
// uses.
func (s *Service) needsOfCreate(c *door.Call, r store.Reader, in *api.CreateFunctionRequest) ([]door.Need, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	need, err := functionNeed(r, "lambda:CreateFunction", f)
	if err != nil {
		return nil, err
	}
	addRequestTags(need.Context, in.Tags)
	if len(in.Layers) > 0 {
		need.Context["lambda:layer"] = in.Layers
	}
	vpcKeys(need.Context, in.VpcConfig)
	needs := []door.Need{need, passRole(val(in.Role))}
	if len(in.Tags) > 0 {
		tagging := need
		tagging.Action = "lambda:TagResource"
		needs = append(needs, tagging)
	}
	layerNeeds, err := layerNeeds(c, r, in.Layers)
	return append(needs, layerNeeds...), err
}

func (s *Service) createFunction(c *door.Call, in *api.CreateFunctionRequest) (*api.FunctionConfiguration, error) {
	f, err := s.checkCreate(c, in)
	if err != nil {
		return nil, err
	}
	v, env := newVersion(c, in), environment(in.Environment)
	if err := s.sealEnvironment(c, f, v, env); err != nil {
		return nil, err
	}
	if v.VPC, err = s.join(c, f, v.Role, in.VpcConfig); err != nil {
		return nil, err
	}
	var out *api.FunctionConfiguration
	err = s.withCode(c, in.Code.ZipFile, codeKey{f, val(in.Code.SourceKMSKeyArn)}, func(code codeRef) error {
		v.Code = code
		scan, err := s.scanOf(c, guardrail.CodeSecret, in.Code.ZipFile)
		if err != nil {
			return err
		}
		return c.Commit(func(tx *store.Tx) (err error) {
			if v.Layers, err = resolveLayers(c, tx, in.Layers); err != nil {
				return err
			}
			if err := v.checkSize(); err != nil {
				return err
			}
			if err := s.guardFunction(c, tx, f, v, env); err != nil {
				return err
			}
			if err := s.guardCode(c, tx, f, scan); err != nil {
				return err
			}
			out, err = insertFunction(tx, f, in, *v)
			return err
		})
	})
	if err != nil {
		s.retireGrants(f, v)
		s.leave(context.WithoutCancel(c), f, v.Role, v.VPC.ids())
	}
	return shownWith(out, env), err
}

// shownWith is a configuration that shows its environment to who just set it.
func shownWith(out *api.FunctionConfiguration, env map[string]string) *api.FunctionConfiguration {
	if out != nil && env != nil {
		out.Environment = &api.EnvironmentResponse{Variables: env}
	}
	return out
}

// checkCreate refuses all that can be refused before anything is stored.
func (s *Service) checkCreate(c *door.Call, in *api.CreateFunctionRequest) (ref, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return f, err
	}
	if f.Account != c.Account {
		return f, fail("InvalidParameterValueException", "A function is created by its name alone, in the caller's own account.")
	}
	err = firstError(
		func() error {
			return elsewhere{in.Code.S3Bucket, in.Code.S3Key, in.Code.ImageUri}.check()
		},
		func() error { return checkGiven(in.Code.ZipFile) },
		func() error {
			return extras{in.DeadLetterConfig, in.FileSystemConfigs, in.ImageConfig, in.SnapStart, in.CodeSigningConfigArn, in.PackageType}.check()
		},
		func() error { return checkArchitectures(in.Architectures) },
		func() error { return s.checkRuntime(val(in.Runtime)) },
		func() error { return checkHandler(val(in.Handler)) },
		func() error { return checkEnvironment(environment(in.Environment)) },
		func() error { return checkTimeout(in.Timeout) },
		func() error { return checkOptions(in.TracingConfig, in.LoggingConfig) },
		func() error {
			return c.View(func(r store.Reader) error { _, err := resolveLayers(c, r, in.Layers); return err })
		},
		func() error { return checkTags(in.Tags) },
		func() error { return refuseExisting(c, f) },
		func() error { return s.checkRole(c, f, val(in.Role)) },
	)
	return f, err
}

// firstError runs checks until one fails.
func firstError(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func checkHandler(handler string) error {
	if handler == "" {
		return fail("InvalidParameterValueException", "Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	return nil
}

// refuseExisting spares the upload of a function that exists; the commit
// decides.
func refuseExisting(c *door.Call, f ref) error {
	return c.View(func(r store.Reader) error {
		_, err := functions.Get(r, f.key())
		if err == nil {
			return exists(f)
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
}

func exists(f ref) error {
	return fail("ResourceConflictException", "Function already exist: %s", f.Name)
}

// newVersion is what the request asks for, but for its code and its layers.
func newVersion(c *door.Call, in *api.CreateFunctionRequest) *version {
	v := &version{
		Description:  val(in.Description),
		Runtime:      val(in.Runtime),
		Role:         val(in.Role),
		Handler:      val(in.Handler),
		Timeout:      or(in.Timeout, 3),
		MemoryMB:     or(in.MemorySize, 128),
		TmpMB:        512,
		KMSKey:       val(in.KMSKeyArn),
		Architecture: architecture(),
		Tracing:      "PassThrough",
		Logging:      logging{Format: "Text"},
	}
	v.setOptions(in.EphemeralStorage, in.TracingConfig, in.LoggingConfig)
	v.touch(c.Time)
	return v
}

// setOptions sets the options that are given.
func (v *version) setOptions(tmp *api.EphemeralStorage, tracing *api.TracingConfig, logs *api.LoggingConfig) {
	if tmp != nil {
		v.TmpMB = or(tmp.Size, v.TmpMB)
	}
	if tracing != nil {
		v.Tracing = or(tracing.Mode, v.Tracing)
	}
	if logs != nil {
		v.Logging = newLogging(logs)
	}
}

func newLogging(logs *api.LoggingConfig) logging {
	l := logging{Format: or(logs.LogFormat, "Text"), Group: val(logs.LogGroup)}
	if l.Format == "JSON" {
		l.ApplicationLevel, l.SystemLevel = "INFO", "INFO"
	}
	return l
}

// or is what p points to, or a default.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// environment is nil when none is given, so that an empty one shows as empty.
func environment(e *api.Environment) map[string]string {
	if e == nil {
		return nil
	}
	if e.Variables == nil {
		return map[string]string{}
	}
	return e.Variables
}

func insertFunction(tx *store.Tx, f ref, in *api.CreateFunctionRequest, v version) (*api.FunctionConfiguration, error) {
	last, err := lastEver(tx, f)
	if err != nil {
		return nil, err
	}
	fn := &function{Name: f.Name, Tags: in.Tags, LastVersion: last}
	if err := functions.Insert(tx, f.key(), fn); err != nil {
		if errors.Is(err, store.ErrExists) {
			return nil, exists(f)
		}
		return nil, err
	}
	if err := versions.Put(tx, f.key(int64(latest)), &v); err != nil {
		return nil, err
	}
	if !val(in.Publish) {
		return v.creating(f), nil
	}
	published, _, err := publish(tx, f, fn, &v, "")
	if err != nil {
		return nil, err
	}
	return published.creating(f), nil // AWS answers with the ARN of the function
}

// qualified is f with another qualifier.
func (f ref) qualified(qualifier string) ref {
	f.Qualifier = qualifier
	return f
}
