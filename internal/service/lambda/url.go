package lambda

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

// functionURL is an address of its own at which a function, or an alias of it, is
// reached (https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html).
type functionURL struct {
	ID        string
	Account   string
	Region    string
	Function  string
	Qualifier string // "" or an alias
	AuthType  string
	Stream    bool // InvokeMode is RESPONSE_STREAM
	Cors      *api.Cors
	Created   time.Time
	Modified  time.Time
}

func (u *functionURL) ref() ref {
	return ref{Account: u.Account, Region: u.Region, Name: u.Function, Qualifier: u.Qualifier}
}

func (u *functionURL) open() bool { return u.AuthType == api.FunctionUrlAuthTypeNone }

func (u *functionURL) mode() string {
	if u.Stream {
		return api.InvokeModeResponseStream
	}
	return api.InvokeModeBuffered
}

// newURLID is a name that fits into a host's: 160 bits of chance.
func newURLID() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

// config is the URL as AWS describes it.
func (s *Service) urlConfig(u *functionURL) *api.FunctionUrlConfig {
	return &api.FunctionUrlConfig{
		FunctionUrl: ptr(s.address(u.ID)), FunctionArn: ptr(u.ref().arn()), AuthType: ptr(u.AuthType), Cors: u.Cors,
		CreationTime: ptr(urlTime(u.Created)), LastModifiedTime: ptr(urlTime(u.Modified)), InvokeMode: ptr(u.mode()),
	}
}

func urlTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// urlTarget is the function or alias that a URL is of, which exists.
func urlTarget(c *door.Call, r store.Reader, name, qualifier *string) (ref, error) {
	f, err := parseRef(c, name, qualifier)
	if err != nil {
		return f, err
	}
	if _, isVersion := versionNumber(f.Qualifier); isVersion && f.Qualifier != "" {
		return f, fail("InvalidParameterValueException", "A function URL is of a function or an alias, not of a version: %s", clip(f.Qualifier))
	}
	_, err = resolve(r, f)
	return f, err
}

func (s *Service) createURL(c *door.Call, tx *store.Tx, in *api.CreateFunctionUrlConfigRequest) (*api.CreateFunctionUrlConfigResponse, error) {
	f, err := urlTarget(c, tx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := checkCors(in.Cors); err != nil {
		return nil, err
	}
	u := &functionURL{
		ID: newURLID(), Account: f.Account, Region: f.Region, Function: f.Name, Qualifier: f.Qualifier,
		AuthType: val(in.AuthType), Stream: val(in.InvokeMode) == api.InvokeModeResponseStream, Cors: in.Cors, Created: c.Time, Modified: c.Time,
	}
	if err := s.guardURL(c, tx, u); err != nil {
		return nil, err
	}
	err = urls.Insert(tx, f.key(f.Qualifier), u)
	if errors.Is(err, store.ErrExists) {
		return nil, fail("ResourceConflictException", "Failed to create function url config for [functionArn = %s]. Error message:  FunctionUrlConfig exists for this Lambda function", f.arn())
	}
	d := s.urlConfig(u)
	return &api.CreateFunctionUrlConfigResponse{
		FunctionUrl: d.FunctionUrl, FunctionArn: d.FunctionArn, AuthType: d.AuthType, Cors: d.Cors, CreationTime: d.CreationTime, InvokeMode: d.InvokeMode,
	}, err
}

// urlOf finds the URL of a function or alias.
func urlOf(c *door.Call, r store.Reader, name, qualifier *string) (*functionURL, ref, error) {
	f, err := urlTarget(c, r, name, qualifier)
	if err != nil {
		return nil, f, err
	}
	u, err := urls.Get(r, f.key(f.Qualifier))
	if errors.Is(err, store.ErrNotFound) {
		err = fail("ResourceNotFoundException", "The resource you requested does not exist.")
	}
	return u, f, err
}

func (s *Service) getURL(c *door.Call, r store.Reader, in *api.GetFunctionUrlConfigRequest) (*api.GetFunctionUrlConfigResponse, error) {
	u, _, err := urlOf(c, r, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	d := s.urlConfig(u)
	return &api.GetFunctionUrlConfigResponse{
		FunctionUrl: d.FunctionUrl, FunctionArn: d.FunctionArn, AuthType: d.AuthType, Cors: d.Cors,
		CreationTime: d.CreationTime, LastModifiedTime: d.LastModifiedTime, InvokeMode: d.InvokeMode,
	}, nil
}

func (s *Service) updateURL(c *door.Call, tx *store.Tx, in *api.UpdateFunctionUrlConfigRequest) (*api.UpdateFunctionUrlConfigResponse, error) {
	u, f, err := urlOf(c, tx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := checkCors(in.Cors); err != nil {
		return nil, err
	}
	if in.AuthType != nil {
		u.AuthType = *in.AuthType
	}
	if in.InvokeMode != nil {
		u.Stream = *in.InvokeMode == api.InvokeModeResponseStream
	}
	if in.Cors != nil {
		u.Cors = in.Cors
	}
	u.Modified = c.Time
	if err := s.guardURL(c, tx, u); err != nil {
		return nil, err
	}
	d := s.urlConfig(u)
	return &api.UpdateFunctionUrlConfigResponse{
		FunctionUrl: d.FunctionUrl, FunctionArn: d.FunctionArn, AuthType: d.AuthType, Cors: d.Cors,
		CreationTime: d.CreationTime, LastModifiedTime: d.LastModifiedTime, InvokeMode: d.InvokeMode,
	}, urls.Put(tx, f.key(f.Qualifier), u)
}

func (s *Service) deleteURL(c *door.Call, tx *store.Tx, in *api.DeleteFunctionUrlConfigRequest) (*awsapi.None, error) {
	_, f, err := urlOf(c, tx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return none, errors.Join(urls.Delete(tx, f.key(f.Qualifier)), urlGone(c, tx, f))
}

func (s *Service) listURLs(c *door.Call, r store.Reader, in *api.ListFunctionUrlConfigsRequest) (*api.ListFunctionUrlConfigsResponse, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if _, err := functions.Get(r, f.key()); err != nil {
		return nil, orNotFound(err, f)
	}
	out := &api.ListFunctionUrlConfigsResponse{FunctionUrlConfigs: []*api.FunctionUrlConfig{}}
	out.NextMarker, err = page(urls.Scan, r, f.key(), in.Marker, or(in.MaxItems, maxPage), func(item store.Item[functionURL]) bool {
		out.FunctionUrlConfigs = append(out.FunctionUrlConfigs, s.urlConfig(item.Value))
		return true
	})
	return out, err
}

// checkCors refuses what no browser could make use of.
func checkCors(given *api.Cors) error {
	if given == nil || !val(given.AllowCredentials) {
		return nil
	}
	for _, origin := range given.AllowOrigins {
		if strings.Contains(origin, "*") {
			return fail("InvalidParameterValueException", "AllowCredentials is not supported for origins with a wildcard: name the origins.")
		}
	}
	return nil
}
