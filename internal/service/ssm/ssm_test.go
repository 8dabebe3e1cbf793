package ssm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

const customerKey = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000009"

func allow(action, resource string, more ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"` + strings.Join(more, "") + `}]}`
}

func put(h *harness, name, value string, change ...func(*api.PutParameterRequest)) {
	h.t.Helper()
	in := &api.PutParameterRequest{Name: &name, Value: &value, Type: ptr("String")}
	for _, f := range change {
		f(in)
	}
	do(h, h.t, api.OpPutParameter, in)
}

func get(h *harness, who *door.Principal, name string) (string, error) {
	out, err := try(h, who, api.OpGetParameter, &api.GetParameterRequest{Name: &name, WithDecryption: ptr(true)})
	if err != nil {
		return "", err
	}
	return *out.Parameter.Value, nil
}

func TestASecureStringTakesItsKey(t *testing.T) {
	for _, tier := range []string{standard, advanced} {
		h := newHarness(t)
		secured := func(key string) func(*api.PutParameterRequest) {
			return func(in *api.PutParameterRequest) { in.Type, in.KeyId, in.Tier = ptr(secure), &key, &tier }
		}
		put(h, "/app/managed", "one", secured(managedKey))
		put(h, "/app/customer", "two", secured(customerKey))
		reader := h.User("reader", allow("ssm:*", "*"))
		if v, err := get(h, reader, "/app/managed"); err != nil || v != "one" {
			t.Errorf("%s: %q %v", tier, v, err)
		}
		_, err := get(h, reader, "/app/customer")
		wantCode(t, err, "AccessDenied")
		for what, call := range map[string]func() error{
			"several": func() error {
				_, err := try(h, reader, api.OpGetParameters, &api.GetParametersRequest{Names: []string{"/app/customer"}, WithDecryption: ptr(true)})
				return err
			},
			"a path": func() error {
				_, err := try(h, reader, api.OpGetParametersByPath, &api.GetParametersByPathRequest{Path: ptr("/app"), WithDecryption: ptr(true)})
				return err
			},
			"the history": func() error {
				_, err := try(h, reader, api.OpGetParameterHistory, &api.GetParameterHistoryRequest{Name: ptr("/app/customer"), WithDecryption: ptr(true)})
				return err
			},
			"a new value": func() error {
				_, err := try(h, reader, api.OpPutParameter, &api.PutParameterRequest{Name: ptr("/app/customer"), Value: ptr("x"), Overwrite: ptr(true)})
				return err
			},
		} {
			if err := call(); err == nil {
				t.Errorf("%s: %s without the key", tier, what)
			}
		}
		out := do(h, t, api.OpGetParameter, &api.GetParameterRequest{Name: ptr("/app/customer")})
		if strings.Contains(*out.Parameter.Value, "two") || *out.Parameter.Value == "" {
			t.Errorf("%s: not decrypted it is %q", tier, *out.Parameter.Value)
		}
		with := h.User("with", allow("ssm:GetParameter", "*"), allow("kms:Decrypt", "*", `,"Condition":{"StringEquals":{"kms:EncryptionContext:PARAMETER_ARN":"arn:aws:ssm:us-east-1:123456789012:parameter/app/customer","kms:ViaService":"ssm.us-east-1.amazonaws.com"}}`))
		if v, err := get(h, with, "/app/customer"); err != nil || v != "two" {
			t.Errorf("%s: %q %v", tier, v, err)
		}
		h.kms.Broken = true
		_, err = get(h, h.root, "/app/customer")
		wantCode(t, err, "InvalidKeyId")
	}
}

func TestWhoMayRead(t *testing.T) {
	h := newHarness(t)
	put(h, "/blue/x", "1", func(in *api.PutParameterRequest) { in.Tags = []*api.Tag{{Key: ptr("team"), Value: ptr("blue")}} })
	put(h, "/red/x", "2")
	put(h, "/top", "3", func(in *api.PutParameterRequest) { in.Tags = []*api.Tag{{Key: ptr("team"), Value: ptr("red")}} })
	byPath := h.User("bypath", allow("ssm:GetParameter*", "arn:aws:ssm:*:*:parameter/blue*"))
	if _, err := get(h, byPath, "/blue/x"); err != nil {
		t.Error(err)
	}
	_, err := get(h, byPath, "/red/x")
	wantCode(t, err, "AccessDenied")
	_, err = try(h, byPath, api.OpGetParameters, &api.GetParametersRequest{Names: []string{"/blue/x", "/red/x"}})
	wantCode(t, err, "AccessDenied")
	if _, err := try(h, byPath, api.OpGetParametersByPath, &api.GetParametersByPathRequest{Path: ptr("/blue")}); err != nil {
		t.Error(err)
	}
	_, err = try(h, byPath, api.OpGetParametersByPath, &api.GetParametersByPathRequest{Path: ptr("/")})
	wantCode(t, err, "AccessDenied")
	for _, key := range []string{"aws:ResourceTag/team", "ssm:resourceTag/team"} {
		byTag := h.User("bytag", allow("ssm:GetParameter", "*", `,"Condition":{"StringEquals":{"`+key+`":"blue"}}`))
		if _, err := get(h, byTag, "/blue/x"); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		_, err = get(h, byTag, "/red/x")
		wantCode(t, err, "AccessDenied")
	}
	// By whichever name, its tags count.
	notRed := h.User("notred", allow("ssm:GetParameter", "*"), `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}}`)
	for _, name := range []string{"/top", "arn:aws:ssm:us-east-1:123456789012:parameter/top", "/top:1"} {
		_, err = get(h, notRed, name)
		wantCode(t, err, "AccessDenied")
		if v, err := get(h, h.root, name); err != nil || v != "3" {
			t.Errorf("%s: %q %v", name, v, err)
		}
	}
	noOverwrite := h.User("writer", allow("ssm:PutParameter", "*", `,"Condition":{"StringEquals":{"ssm:Overwrite":"false"}}`))
	_, err = try(h, noOverwrite, api.OpPutParameter, &api.PutParameterRequest{Name: ptr("/red/x"), Value: ptr("x"), Overwrite: ptr(true)})
	wantCode(t, err, "AccessDenied")
	if _, err = try(h, noOverwrite, api.OpPutParameter, &api.PutParameterRequest{Name: ptr("/red/y"), Value: ptr("x"), Type: ptr("String")}); err != nil {
		t.Error(err)
	}
}

// A path may be given with a slash behind it. What is allowed is the path as it
// was given; what is denied is denied both ways.
func TestPathsAreDeniedBothWays(t *testing.T) {
	h := newHarness(t)
	put(h, "/a/b/c", "1")
	read := func(path string, policies ...string) error {
		_, err := try(h, h.User("u", policies...), api.OpGetParametersByPath, &api.GetParametersByPathRequest{Path: &path, Recursive: ptr(true)})
		return err
	}
	const arn = "arn:aws:ssm:us-east-1:123456789012:parameter"
	deny := func(resource string) string {
		return strings.Replace(allow("ssm:GetParametersByPath", resource), "Allow", "Deny", 1)
	}
	for _, denied := range []string{arn + "/a/b", arn + "/a/b/", arn + "/a/b/*", arn + "/a/?", arn + "/*b", arn + "/*b/"} {
		for _, path := range []string{"/a/b", "/a/b/"} {
			wantCode(t, read(path, allow("ssm:*", "*"), deny(denied)), "AccessDenied")
		}
		if err := read("/a", allow("ssm:*", "*"), deny(denied)); err != nil { // as on AWS
			t.Errorf("%s: %v", denied, err)
		}
	}
	for resource, paths := range map[string]map[string]bool{
		arn + "/a/b":   {"/a/b": true, "/a/b/": false},
		arn + "/a/b/*": {"/a/b": false, "/a/b/": true},
		arn + "/a/b*":  {"/a/b": true, "/a/b/": true, "/a": false},
	} {
		for path, ok := range paths {
			if err := read(path, allow("ssm:*", resource)); (err == nil) != ok {
				t.Errorf("%s by %s: %v", path, resource, err)
			}
		}
	}
	wantCode(t, read("/", allow("ssm:*", "*"), deny(arn+"/")), "AccessDenied")
}

func TestDescribeForExplanations(t *testing.T) {
	h := newHarness(t)
	put(h, "/a/b", "1", func(in *api.PutParameterRequest) { in.Tags = []*api.Tag{{Key: ptr("team"), Value: ptr("blue")}} })
	need := &door.Need{Resource: "arn:aws:ssm:us-east-1:123456789012:parameter/a/b", Context: policy.MapContext{}}
	if err := h.DB.View(t.Context(), func(r store.Reader) error { return h.service.Describe(r, need) }); err != nil || need.Context["aws:resourcetag/team"] == nil {
		t.Errorf("%v %+v", err, need)
	}
}

// The hundred-and-first version takes the first one's place, unless that has a
// label.
func TestVersionsAreKept(t *testing.T) {
	h := newHarness(t)
	put(h, "p", "1")
	again := func() error {
		_, err := try(h, h.root, api.OpPutParameter, &api.PutParameterRequest{Name: ptr("p"), Value: ptr("x"), Overwrite: ptr(true)})
		return err
	}
	for range maxVersions {
		if err := again(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := get(h, h.root, "p:1")
	wantCode(t, err, "ParameterVersionNotFound")
	do(h, t, api.OpLabelParameterVersion, &api.LabelParameterVersionRequest{Name: ptr("p"), Labels: []string{"keep"}, ParameterVersion: ptr(int64(2))})
	wantCode(t, again(), "ParameterMaxVersionLimitExceeded")
	do(h, t, api.OpUnlabelParameterVersion, &api.UnlabelParameterVersionRequest{Name: ptr("p"), Labels: []string{"keep"}, ParameterVersion: ptr(int64(2))})
	if err := again(); err != nil {
		t.Error(err)
	}
	do(h, t, api.OpDeleteParameter, &api.DeleteParameterRequest{Name: ptr("p")})
}

// TestModel does what callers do, at random, to the service and to a map of
// values.
func TestModel(t *testing.T) {
	h := newHarness(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		root := fmt.Sprintf("/r%d", round)
		values := map[string][]string{}
		names := []string{root + "/a", root + "/b", root + "/b/c", root + "/d/e/f"}
		name := func() string { return rapid.SampledFrom(names).Draw(t, "name") }
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				n, v, over := name(), rapid.StringMatching(`[a-z]{1,3}`).Draw(t, "value"), rapid.Bool().Draw(t, "overwrite")
				kind := "String"
				if strings.HasSuffix(n, "/a") {
					kind = secure
				}
				_, err := try(h, h.root, api.OpPutParameter, &api.PutParameterRequest{Name: &n, Value: &v, Type: &kind, Overwrite: &over})
				if want := over || values[n] == nil; (err == nil) != want {
					t.Fatalf("put %s: %v", n, err)
				}
				if err == nil {
					values[n] = append(values[n], v)
				}
			},
			"delete": func(t *rapid.T) {
				n := name()
				_, err := try(h, h.root, api.OpDeleteParameter, &api.DeleteParameterRequest{Name: &n})
				if (err == nil) != (values[n] != nil) {
					t.Fatalf("delete %s: %v", n, err)
				}
				delete(values, n)
			},
			"": func(t *rapid.T) {
				if err := h.DB.View(h.t.Context(), h.service.Check); err != nil {
					t.Fatal(err)
				}
				var want []string
				for n, all := range values {
					want = append(want, n+"="+all[len(all)-1])
					for i, v := range all {
						if got, err := get(h, h.root, fmt.Sprintf("%s:%d", n, i+1)); err != nil || got != v {
							t.Fatalf("version %d of %s is %q, %v; by the model %q", i+1, n, got, err, v)
						}
					}
				}
				slices.Sort(want)
				out := do(h, t, api.OpGetParametersByPath, &api.GetParametersByPathRequest{Path: &root, Recursive: ptr(true), WithDecryption: ptr(true)})
				var got []string
				for _, p := range out.Parameters {
					got = append(got, *p.Name+"="+*p.Value)
				}
				if !slices.IsSortedFunc(out.Parameters, func(a, b *api.Parameter) int { return strings.Compare(*a.Name, *b.Name) }) {
					t.Fatalf("not in order: %q", got)
				}
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Fatalf("below %s are %q, by the model %q", root, got, want)
				}
			},
		})
	})
}

func FuzzNames(f *testing.F) {
	f.Add("/a/b")
	f.Add("arn:aws:ssm:us-east-1:123456789012:parameter/x:1")
	f.Fuzz(func(t *testing.T, name string) {
		if checkName(name) != nil {
			return
		}
		if arn := arnOf("1", "r", name); strings.ContainsAny(name, ":* ") || !strings.HasSuffix(arn, strings.TrimPrefix(name, "/")) {
			t.Errorf("%q has the ARN %s", name, arn)
		}
	})
}

func FuzzPolicies(f *testing.F) {
	f.Add(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2026-01-03T00:00:00.000Z"}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		policies, at, err := parsePolicies(text)
		if err == nil && !at.IsZero() && len(policies) == 0 {
			t.Error("it expires by no policy")
		}
	})
}
