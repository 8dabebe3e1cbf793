package lambda

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
)

// modelFunction is what a simple reading of AWS's documentation makes of a
// function.
type modelFunction struct {
	latest    string // the words of its code
	published string // those that were published last; empty: none, or changed since
	last      int64
	versions  map[string]string          // words by number
	aliases   map[string]string          // version by name
	policies  map[string]map[string]bool // statement ids by qualifier
	configs   map[string]bool            // by qualifier
}

// model is the control plane in memory, beside the real one.
type model struct {
	t         *rapid.T
	h         *harness
	prefix    string
	functions map[string]*modelFunction
	numbers   map[string]int64 // highest version ever, of functions that were deleted
}

// TestModel runs random calls against the service and the model and compares
// every answer and, after every call, all that can be listed. The harness ends
// by checking the tables.
func TestModel(t *testing.T) {
	h := newHarness(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		m := &model{t: rt, h: h, prefix: fmt.Sprintf("run%d-", runs), functions: map[string]*modelFunction{}, numbers: map[string]int64{}}
		rt.Repeat(map[string]func(*rapid.T){
			"CreateFunction":     m.create,
			"DeleteFunction":     m.delete,
			"UpdateFunctionCode": m.update,
			"PublishVersion":     m.publish,
			"DeleteVersion":      m.deleteVersion,
			"PutAlias":           m.putAlias,
			"DeleteAlias":        m.deleteAlias,
			"AddPermission":      m.permit,
			"RemovePermission":   m.forbid,
			"PutEventConfig":     m.configure,
			"":                   m.compare,
		})
	})
}

func (m *model) name() string {
	return m.prefix + rapid.SampledFrom([]string{"f", "g"}).Draw(m.t, "function")
}

func (m *model) words() string {
	return rapid.SampledFrom([]string{"one", "two"}).Draw(m.t, "words")
}

func (m *model) qualifier() string {
	return rapid.SampledFrom([]string{"", "1", "2", "3", "live", "next"}).Draw(m.t, "qualifier")
}

func (m *model) version() string {
	return rapid.SampledFrom([]string{"$LATEST", "1", "2", "3"}).Draw(m.t, "version")
}

// want fails unless err has the code, or is nil when the code is empty.
func (m *model) want(err error, code string) {
	m.t.Helper()
	got := ""
	var wire *awsapi.Error
	if errors.As(err, &wire) {
		got = wire.Code
	}
	if got != code {
		m.t.Fatalf("got %v, want %q", err, code)
	}
}

// has reports whether a function has a version, by number or $LATEST.
func (f *modelFunction) has(version string) bool {
	return version == "" || version == "$LATEST" || f.versions[version] != ""
}

// resolves reports whether a qualifier names something.
func (f *modelFunction) resolves(qualifier string) bool {
	return f.has(qualifier) || f.aliases[qualifier] != ""
}

// gone is the code for a function, or something of it, that may be missing.
func gone(there bool) string {
	if there {
		return ""
	}
	return "ResourceNotFoundException"
}

func (m *model) create(*rapid.T) {
	name, words := m.name(), m.words()
	_, err := do(m.h, m.h.Root(), api.OpCreateFunction, createRequest(name, words))
	if m.functions[name] != nil {
		m.want(err, "ResourceConflictException")
		return
	}
	m.want(err, "")
	m.functions[name] = &modelFunction{
		latest: words, last: m.numbers[name], versions: map[string]string{}, aliases: map[string]string{},
		policies: map[string]map[string]bool{}, configs: map[string]bool{},
	}
}

func (m *model) delete(*rapid.T) {
	name := m.name()
	_, err := do(m.h, m.h.Root(), api.OpDeleteFunction, &api.DeleteFunctionRequest{FunctionName: &name})
	f := m.functions[name]
	m.want(err, gone(f != nil))
	if f != nil {
		m.numbers[name] = f.last
		delete(m.functions, name)
	}
}

func (m *model) update(*rapid.T) {
	name, words := m.name(), m.words()
	_, err := do(m.h, m.h.Root(), api.OpUpdateFunctionCode, &api.UpdateFunctionCodeRequest{FunctionName: &name, ZipFile: zipOf(words)})
	f := m.functions[name]
	m.want(err, gone(f != nil))
	if f != nil && f.latest != words {
		f.latest, f.published = words, ""
	}
}

func (m *model) publish(*rapid.T) {
	name := m.name()
	out, err := do(m.h, m.h.Root(), api.OpPublishVersion, &api.PublishVersionRequest{FunctionName: &name})
	f := m.functions[name]
	m.want(err, gone(f != nil))
	if f == nil {
		return
	}
	if f.versions[f.published] == "" {
		f.last++
		f.published = fmt.Sprint(f.last)
		f.versions[f.published] = f.latest
	}
	if *out.Version != f.published {
		m.t.Fatalf("published as %s, want %s", *out.Version, f.published)
	}
}

func (m *model) deleteVersion(*rapid.T) {
	name, number := m.name(), rapid.SampledFrom([]string{"1", "2", "3"}).Draw(m.t, "number")
	_, err := do(m.h, m.h.Root(), api.OpDeleteFunction, &api.DeleteFunctionRequest{FunctionName: &name, Qualifier: &number})
	f := m.functions[name]
	switch {
	case f == nil:
		m.want(err, "ResourceNotFoundException")
	case slices.Contains(slices.Collect(maps.Values(f.aliases)), number):
		m.want(err, "ResourceConflictException")
	default:
		m.want(err, "")
		f.forget(number)
		delete(f.versions, number)
	}
}

// forget drops what hangs on a qualifier.
func (f *modelFunction) forget(qualifier string) {
	delete(f.policies, qualifier)
	delete(f.configs, qualifier)
}

func (m *model) putAlias(*rapid.T) {
	name, alias, version := m.name(), rapid.SampledFrom([]string{"live", "next"}).Draw(m.t, "alias"), m.version()
	f := m.functions[name]
	exists := f != nil && f.aliases[alias] != ""
	var err error
	if exists {
		_, err = do(m.h, m.h.Root(), api.OpUpdateAlias, &api.UpdateAliasRequest{FunctionName: &name, Name: &alias, FunctionVersion: &version})
	} else {
		_, err = do(m.h, m.h.Root(), api.OpCreateAlias, &api.CreateAliasRequest{FunctionName: &name, Name: &alias, FunctionVersion: &version})
	}
	ok := f != nil && f.has(version)
	m.want(err, gone(ok))
	if ok {
		f.aliases[alias] = version
	}
}

func (m *model) deleteAlias(*rapid.T) {
	name, alias := m.name(), rapid.SampledFrom([]string{"live", "next"}).Draw(m.t, "alias")
	_, err := do(m.h, m.h.Root(), api.OpDeleteAlias, &api.DeleteAliasRequest{FunctionName: &name, Name: &alias})
	f := m.functions[name]
	m.want(err, gone(f != nil))
	if f != nil {
		f.forget(alias)
		delete(f.aliases, alias)
	}
}

func (m *model) permit(*rapid.T) {
	name, q, sid := m.name(), m.qualifier(), rapid.SampledFrom([]string{"s", "t"}).Draw(m.t, "sid")
	_, err := do(m.h, m.h.Root(), api.OpAddPermission, &api.AddPermissionRequest{
		FunctionName: &name, Qualifier: orNil(q), StatementId: &sid, Action: ptr("lambda:InvokeFunction"), Principal: ptr("s3.amazonaws.com"),
	})
	f := m.functions[name]
	switch {
	case f == nil || !f.resolves(q):
		m.want(err, "ResourceNotFoundException")
	case f.policies[q][sid]:
		m.want(err, "ResourceConflictException")
	default:
		m.want(err, "")
		if f.policies[q] == nil {
			f.policies[q] = map[string]bool{}
		}
		f.policies[q][sid] = true
	}
}

func (m *model) forbid(*rapid.T) {
	name, q, sid := m.name(), m.qualifier(), rapid.SampledFrom([]string{"s", "t"}).Draw(m.t, "sid")
	_, err := do(m.h, m.h.Root(), api.OpRemovePermission, &api.RemovePermissionRequest{FunctionName: &name, Qualifier: orNil(q), StatementId: &sid})
	f := m.functions[name]
	there := f != nil && f.policies[q][sid]
	m.want(err, gone(there))
	if there {
		delete(f.policies[q], sid)
	}
}

func (m *model) configure(*rapid.T) {
	name, q := m.name(), m.qualifier()
	_, err := do(m.h, m.h.Root(), api.OpPutFunctionEventInvokeConfig, &api.PutFunctionEventInvokeConfigRequest{
		FunctionName: &name, Qualifier: orNil(q), MaximumRetryAttempts: ptr(int64(1)),
	})
	f := m.functions[name]
	ok := f != nil && f.resolves(q)
	m.want(err, gone(ok))
	if ok {
		f.configs[q] = true
	}
}

// compare lists everything of every function.
func (m *model) compare(*rapid.T) {
	for name, f := range m.functions {
		m.equal("versions", m.listVersions(name), append([]string{"$LATEST " + digest(zipOf(f.latest))}, pairs(f.versions, func(w string) string { return digest(zipOf(w)) })...))
		m.equal("aliases", m.listAliases(name), pairs(f.aliases, func(v string) string { return v }))
		m.equal("configurations", m.listConfigs(name), slices.Sorted(maps.Keys(f.configs)))
		for _, q := range []string{"", "1", "2", "3", "live", "next"} {
			_, err := do(m.h, m.h.Root(), api.OpGetPolicy, &api.GetPolicyRequest{FunctionName: &name, Qualifier: orNil(q)})
			m.want(err, gone(len(f.policies[q]) > 0))
		}
	}
}

func (m *model) equal(what string, got, want []string) {
	m.t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		m.t.Fatalf("%s are %q, want %q", what, got, want)
	}
}

func pairs(of map[string]string, show func(string) string) (all []string) {
	for key, value := range of {
		all = append(all, key+" "+show(value))
	}
	return all
}

// listVersions goes through the pages, one version on each.
func (m *model) listVersions(name string) (all []string) {
	var marker *string
	for {
		out, err := do(m.h, m.h.Root(), api.OpListVersionsByFunction, &api.ListVersionsByFunctionRequest{FunctionName: &name, MaxItems: ptr(int64(1)), Marker: marker})
		m.want(err, "")
		for _, v := range out.Versions {
			all = append(all, *v.Version+" "+*v.CodeSha256)
		}
		if marker = out.NextMarker; marker == nil {
			return all
		}
	}
}

func (m *model) listAliases(name string) (all []string) {
	out, err := do(m.h, m.h.Root(), api.OpListAliases, &api.ListAliasesRequest{FunctionName: &name})
	m.want(err, "")
	for _, a := range out.Aliases {
		all = append(all, *a.Name+" "+*a.FunctionVersion)
	}
	return all
}

func (m *model) listConfigs(name string) (all []string) {
	out, err := do(m.h, m.h.Root(), api.OpListFunctionEventInvokeConfigs, &api.ListFunctionEventInvokeConfigsRequest{FunctionName: &name})
	m.want(err, "")
	prefix := len("arn:aws:lambda:us-east-1:123456789012:function:" + name + ":")
	for _, c := range out.FunctionEventInvokeConfigs {
		q := (*c.FunctionArn)[prefix:]
		if q == "$LATEST" {
			q = ""
		}
		all = append(all, q)
	}
	return all
}
