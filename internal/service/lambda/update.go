package lambda

import (
	"errors"
	"reflect"
	"time"

	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/door/customerkey"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

func (s *Service) updateFunctionCode(c *door.Call, in *api.UpdateFunctionCodeRequest) (*api.FunctionConfiguration, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	err = firstError(
		func() error { return elsewhere{in.S3Bucket, in.S3Key, in.ImageUri}.check() },
		func() error { return checkGiven(in.ZipFile) },
		func() error { return checkArchitectures(in.Architectures) },
		func() error {
			return c.View(func(r store.Reader) error { _, err := latestOf(r, f, in.RevisionId); return err })
		},
	)
	if err != nil {
		return nil, err
	}
	if val(in.DryRun) {
		return s.dryUpdate(c, f, in)
	}
	var out *shown
	err = s.withCode(c, in.ZipFile, codeKey{f, val(in.SourceKMSKeyArn)}, func(code codeRef) error {
		scan, err := s.scanOf(c, guardrail.CodeSecret, in.ZipFile)
		if err != nil {
			return err
		}
		return c.Commit(func(tx *store.Tx) error {
			out, err = s.setCode(tx, c, f, in, code, scan)
			return err
		})
	})
	return s.reveal(c, f, out, err)
}

// dryUpdate checks a package without keeping it.
func (s *Service) dryUpdate(c *door.Call, f ref, in *api.UpdateFunctionCodeRequest) (*api.FunctionConfiguration, error) {
	var out *shown
	if _, err := s.checkZip(c, newID(), in.ZipFile); err != nil {
		return nil, err
	}
	if key := val(in.SourceKMSKeyArn); key != "" {
		if _, err := s.sealCode(c, codeKey{f, key}, nil); err != nil {
			return nil, err
		}
	}
	err := c.View(func(r store.Reader) error {
		v, err := latestOf(r, f, in.RevisionId)
		if err != nil {
			return err
		}
		v.Code.SHA256, v.Code.Size = digest(in.ZipFile), int64(len(in.ZipFile))
		out = &shown{v, v.configuration(f)}
		return nil
	})
	return s.reveal(c, f, out, err)
}

func (s *Service) setCode(tx *store.Tx, c *door.Call, f ref, in *api.UpdateFunctionCodeRequest, code codeRef, scan guardrail.Scan) (*shown, error) {
	return s.change(tx, c, f, in.RevisionId, val(in.Publish), nil, func(v *version) error {
		v.Code = code
		return s.guardCode(c, tx, f, scan)
	})
}

// change applies edit to the latest version of f, marks it changed and, if
// asked, publishes it. env is the environment that edit sets, nil for none.
func (s *Service) change(tx *store.Tx, c *door.Call, f ref, revision *string, andPublish bool, env map[string]string, edit func(*version) error) (*shown, error) {
	v, err := latestOf(tx, f, revision)
	if err != nil {
		return nil, err
	}
	before := *v
	if err := edit(v); err != nil {
		return nil, err
	}
	if err := v.checkSize(); err != nil {
		return nil, err
	}
	if env == nil {
		env = v.Environment
	}
	if err := s.guardFunction(c, tx, f, v, env); err != nil {
		return nil, err
	}
	v.touch(c.Time)
	if v.sameAs(&before) {
		v.PublishedAs = before.PublishedAs
	}
	if err := versions.Put(tx, f.key(int64(latest)), v); err != nil {
		return nil, err
	}
	s.discardUnused(tx, before.codeIDs())
	tx.Defer(func() { s.retireGrants(f, &before) })
	if !andPublish {
		return &shown{v, v.updating(f)}, nil
	}
	fn, err := functions.Get(tx, f.key())
	if err != nil {
		return nil, err
	}
	published, _, err := publish(tx, f, fn, v, "")
	if err != nil {
		return nil, err
	}
	return &shown{published, published.updating(f.qualified(published.name()))}, nil
}

// latestOf is the latest version of f, which must still have the given revision
// if one is given.
func latestOf(r store.Reader, f ref, revision *string) (*version, error) {
	v, err := versions.Get(r, f.key(int64(latest)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound(f)
	}
	if err != nil {
		return nil, err
	}
	return v, checkRevision(v.RevisionID, revision)
}

func checkRevision(have string, want *string) error {
	if want != nil && *want != have {
		return fail("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	}
	return nil
}

// sameAs reports whether both are the same code and configuration.
func (v *version) sameAs(other *version) bool { return reflect.DeepEqual(v.content(), other.content()) }

// content is v without what only keeps its books.
func (v *version) content() version {
	c := *v
	c.Number, c.Modified, c.RevisionID, c.PublishedAs, c.Code.ID, c.Grant = 0, time.Time{}, "", 0, "", ""
	if c.Code.Under != nil {
		c.Code.Under = &customerkey.Wrapped{Key: c.Code.Under.Key} // its ciphertext is another each time
	}
	return c
}

// needsOfReconfigure are the function and, where they are given anew, its role
// and its layers.
func (s *Service) needsOfReconfigure(c *door.Call, r store.Reader, in *api.UpdateFunctionConfigurationRequest) ([]door.Need, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	need, err := functionNeed(r, "lambda:UpdateFunctionConfiguration", f)
	if err != nil {
		return nil, err
	}
	needs := []door.Need{need}
	if len(in.Layers) > 0 {
		need.Context["lambda:layer"] = in.Layers
	}
	vpcKeys(need.Context, in.VpcConfig)
	if in.Role != nil {
		needs = append(needs, passRole(*in.Role))
	}
	layerNeeds, err := layerNeeds(c, r, in.Layers)
	return append(needs, layerNeeds...), err
}

func (s *Service) updateFunctionConfiguration(c *door.Call, in *api.UpdateFunctionConfigurationRequest) (*api.FunctionConfiguration, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := s.checkReconfigure(c, f, in); err != nil {
		return nil, err
	}
	next, err := s.nextEnvironment(c, f, in)
	if err != nil {
		return nil, err
	}
	move, err := s.moveOf(c, f, in)
	if err != nil {
		return nil, err
	}
	var out *shown
	err = c.Commit(func(tx *store.Tx) error {
		layers, err := resolveLayers(c, tx, in.Layers)
		if err != nil {
			return err
		}
		out, err = s.change(tx, c, f, in.RevisionId, false, environment(in.Environment), func(v *version) error {
			move.apply(v)
			v.reconfigure(in, layers)
			return next.set(v)
		})
		if err != nil {
			return err
		}
		return move.leaveOld(s, c, tx, f)
	})
	if err != nil {
		move.undo(s, c, f)
	}
	if err != nil && next.changes {
		s.retireGrants(f, &next.version)
	}
	return s.reveal(c, f, out, err)
}

func (s *Service) checkReconfigure(c *door.Call, f ref, in *api.UpdateFunctionConfigurationRequest) error {
	return firstError(
		func() error {
			return extras{in.DeadLetterConfig, in.FileSystemConfigs, in.ImageConfig, in.SnapStart, nil, nil}.check()
		},
		func() error {
			if in.Runtime == nil {
				return nil
			}
			return s.checkRuntime(*in.Runtime)
		},
		func() error { return checkEnvironment(environment(in.Environment)) },
		func() error { return checkTimeout(in.Timeout) },
		func() error { return checkOptions(in.TracingConfig, in.LoggingConfig) },
		func() error {
			return c.View(func(r store.Reader) error { _, err := latestOf(r, f, in.RevisionId); return err })
		},
		func() error {
			if in.Role == nil {
				return nil
			}
			return s.checkRole(c, f, *in.Role)
		},
	)
}

// reconfigure sets what the request gives and leaves the rest.
func (v *version) reconfigure(in *api.UpdateFunctionConfigurationRequest, layers []layerRef) {
	v.Role = or(in.Role, v.Role)
	v.Handler = or(in.Handler, v.Handler)
	v.Description = or(in.Description, v.Description)
	v.Timeout = or(in.Timeout, v.Timeout)
	v.MemoryMB = or(in.MemorySize, v.MemoryMB)
	v.Runtime = or(in.Runtime, v.Runtime)
	if in.Layers != nil {
		v.Layers = layers
	}
	v.setOptions(in.EphemeralStorage, in.TracingConfig, in.LoggingConfig)
}
