package lambda

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// layerID names one version of a layer.
type layerID struct {
	Account, Region, Name string
	Number                int64
}

func (l layerID) key() store.Key { return store.K(l.Account, l.Region, l.Name, l.Number) }

func (l layerID) arn() string {
	return fmt.Sprintf("%s:%d", layerARN(l.Account, l.Region, l.Name), l.Number)
}

func layerARN(account, region, name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:layer:%s", region, account, name)
}

var layerVersionPattern = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]{1,140}):(\d{1,18})$`)

func parseLayerVersion(c *door.Call, arn string) (layerID, error) {
	m := layerVersionPattern.FindStringSubmatch(arn)
	if m == nil {
		return layerID{}, fail("InvalidParameterValueException", "%q is not the ARN of a layer version.", clip(arn))
	}
	number, err := strconv.ParseInt(m[4], 10, 64)
	if err != nil {
		return layerID{}, err // 18 digits fit
	}
	return layerID{m[2], m[1], m[3], number}, checkRegion(c, m[1])
}

// checkRegion refuses layers of other regions: what is permitted in one region
// must not reach into another.
func checkRegion(c *door.Call, region string) error {
	if region != c.Region {
		return fail("InvalidParameterValueException", "Layers are not in the same region as the function. Layers are expected to be in region %s.", c.Region)
	}
	return nil
}

var layerPattern = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]+):(\d{12}):layer:)?([a-zA-Z0-9-_]{1,140})$`)

// parseLayer reads a layer's name or ARN, and a version number beside it.
func parseLayer(c *door.Call, name *string, number *int64) (layerID, error) {
	m := layerPattern.FindStringSubmatch(val(name))
	if m == nil {
		return layerID{}, fail("InvalidParameterValueException", "%q is not the name or ARN of a layer.", clip(val(name)))
	}
	l := layerID{Account: c.Account, Region: c.Region, Name: m[3], Number: val(number)}
	if m[1] != "" {
		l.Region, l.Account = m[1], m[2]
	}
	return l, checkRegion(c, l.Region)
}

// onLayer needs action on the layer version that the input names.
func onLayer[In any](action string, names func(*In) (*string, *int64)) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		name, number := names(in)
		l, err := parseLayer(c, name, number)
		if err != nil {
			return nil, err
		}
		need, err := layerNeed(r, action, l)
		return []door.Need{need}, err
	})
}

func layerNeed(r store.Reader, action string, l layerID) (door.Need, error) {
	rp, err := layerPolicies.Get(r, l.key())
	p, err := namedPolicy(rp, err, l.arn())
	return door.Need{Action: action, Resource: l.arn(), Account: l.Account, ResourcePolicy: p, Context: policy.MapContext{}}, err
}

func needsOfLayerByARN(c *door.Call, r store.Reader, in *api.GetLayerVersionByArnRequest) ([]door.Need, error) {
	return layerNeeds(c, r, []string{val(in.Arn)})
}

// needsOfPublishLayer is the layer as a whole, which has no policy.
func needsOfPublishLayer(c *door.Call, _ store.Reader, in *api.PublishLayerVersionRequest) ([]door.Need, error) {
	l, err := parseLayer(c, in.LayerName, nil)
	if err != nil {
		return nil, err
	}
	return []door.Need{{Action: "lambda:PublishLayerVersion", Resource: layerARN(l.Account, l.Region, l.Name), Account: l.Account}}, nil
}

func (s *Service) publishLayer(c *door.Call, in *api.PublishLayerVersionRequest) (*api.PublishLayerVersionResponse, error) {
	l, err := parseLayer(c, in.LayerName, nil)
	if err != nil {
		return nil, err
	}
	if l.Account != c.Account {
		return nil, fail("InvalidParameterValueException", "A layer is published in the caller's own account.")
	}
	err = firstError(
		elsewhere{bucket: in.Content.S3Bucket, key: in.Content.S3Key}.check,
		func() error { return checkGiven(in.Content.ZipFile) },
	)
	if err != nil {
		return nil, err
	}
	v := &layerVersion{
		Layer: l.Name, Description: val(in.Description), License: in.LicenseInfo,
		Runtimes: in.CompatibleRuntimes, Architectures: in.CompatibleArchitectures, Created: c.Time,
	}
	err = s.withCode(c, in.Content.ZipFile, func(code codeRef) error {
		return c.Commit(func(tx *store.Tx) error {
			v.Code = code
			v.Number, err = nextLayerVersion(tx, l)
			if err != nil {
				return err
			}
			l.Number = v.Number
			return layerVersions.Insert(tx, l.key(), v)
		})
	})
	if err != nil {
		return nil, err
	}
	got := v.response(l)
	return &api.PublishLayerVersionResponse{
		Content: got.Content, LayerArn: got.LayerArn, LayerVersionArn: got.LayerVersionArn, Description: got.Description,
		CreatedDate: got.CreatedDate, Version: got.Version, CompatibleRuntimes: got.CompatibleRuntimes,
		LicenseInfo: got.LicenseInfo, CompatibleArchitectures: got.CompatibleArchitectures,
	}, nil
}

// nextLayerVersion counts up; numbers are never used twice, even when versions
// are deleted.
func nextLayerVersion(tx *store.Tx, l layerID) (int64, error) {
	key := store.K(l.Account, l.Region, l.Name)
	row, err := layers.Get(tx, key)
	if errors.Is(err, store.ErrNotFound) {
		row, err = &layer{Name: l.Name}, nil
	}
	if err != nil {
		return 0, err
	}
	row.LastVersion++
	return row.LastVersion, layers.Put(tx, key, row)
}

func (v *layerVersion) response(l layerID) *api.GetLayerVersionResponse {
	return &api.GetLayerVersionResponse{
		Content:                 &api.LayerVersionContentOutput{CodeSha256: ptr(v.Code.SHA256), CodeSize: ptr(v.Code.Size)},
		LayerArn:                ptr(layerARN(l.Account, l.Region, l.Name)),
		LayerVersionArn:         ptr(l.arn()),
		Description:             ptr(v.Description),
		CreatedDate:             ptr(v.Created.UTC().Format(timeFormat)),
		Version:                 ptr(v.Number),
		CompatibleRuntimes:      v.Runtimes,
		LicenseInfo:             v.License,
		CompatibleArchitectures: v.Architectures,
	}
}

func (v *layerVersion) item(l layerID) *api.LayerVersionsListItem {
	return &api.LayerVersionsListItem{
		LayerVersionArn: ptr(l.arn()), Version: ptr(v.Number), Description: ptr(v.Description),
		CreatedDate: ptr(v.Created.UTC().Format(timeFormat)), CompatibleRuntimes: v.Runtimes,
		LicenseInfo: v.License, CompatibleArchitectures: v.Architectures,
	}
}

func (s *Service) getLayer(c *door.Call, r store.Reader, in *api.GetLayerVersionRequest) (*api.GetLayerVersionResponse, error) {
	l, err := parseLayer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	return layerResponse(r, l)
}

func (s *Service) getLayerByARN(c *door.Call, r store.Reader, in *api.GetLayerVersionByArnRequest) (*api.GetLayerVersionResponse, error) {
	l, err := parseLayerVersion(c, val(in.Arn))
	if err != nil {
		return nil, err
	}
	return layerResponse(r, l)
}

func layerResponse(r store.Reader, l layerID) (*api.GetLayerVersionResponse, error) {
	v, err := layerVersions.Get(r, l.key())
	if err != nil {
		return nil, orNoLayer(err)
	}
	return v.response(l), nil
}

func orNoLayer(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fail("ResourceNotFoundException", "The resource you requested does not exist.")
	}
	return err
}

// fits says whether a layer version is for the runtime and architecture asked
// for; one that names none is for all.
func (v *layerVersion) fits(runtime, architecture *string) bool {
	return (val(runtime) == "" || len(v.Runtimes) == 0 || slices.Contains(v.Runtimes, *runtime)) &&
		(val(architecture) == "" || len(v.Architectures) == 0 || slices.Contains(v.Architectures, *architecture))
}

func (s *Service) listLayerVersions(c *door.Call, r store.Reader, in *api.ListLayerVersionsRequest) (*api.ListLayerVersionsResponse, error) {
	l, err := parseLayer(c, in.LayerName, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListLayerVersionsResponse{LayerVersions: []*api.LayerVersionsListItem{}}
	if l.Account != c.Account {
		return out, nil
	}
	out.NextMarker, err = page(layerVersions.ScanBack, r, store.K(l.Account, l.Region, l.Name), in.Marker, or(in.MaxItems, 50), func(item store.Item[layerVersion]) bool {
		if !item.Value.fits(in.CompatibleRuntime, in.CompatibleArchitecture) {
			return false
		}
		l.Number = item.Value.Number
		out.LayerVersions = append(out.LayerVersions, item.Value.item(l))
		return true
	})
	return out, err
}

func (s *Service) listLayers(c *door.Call, r store.Reader, in *api.ListLayersRequest) (*api.ListLayersResponse, error) {
	out := &api.ListLayersResponse{Layers: []*api.LayersListItem{}}
	var failed error
	next, err := page(layers.Scan, r, store.K(c.Account, c.Region), in.Marker, or(in.MaxItems, 50), func(item store.Item[layer]) bool {
		newest, err := newestMatching(c, r, item.Value.Name, in)
		if err != nil || newest == nil {
			failed = errors.Join(failed, err)
			return false
		}
		out.Layers = append(out.Layers, &api.LayersListItem{
			LayerName: ptr(item.Value.Name), LayerArn: ptr(layerARN(c.Account, c.Region, item.Value.Name)), LatestMatchingVersion: newest,
		})
		return true
	})
	out.NextMarker = next
	return out, errors.Join(err, failed)
}

func newestMatching(c *door.Call, r store.Reader, name string, in *api.ListLayersRequest) (*api.LayerVersionsListItem, error) {
	for item, err := range layerVersions.ScanBack(r, store.K(c.Account, c.Region, name), nil) {
		if err != nil {
			return nil, err
		}
		if item.Value.fits(in.CompatibleRuntime, in.CompatibleArchitecture) {
			return item.Value.item(layerID{c.Account, c.Region, name, item.Value.Number}), nil
		}
	}
	return nil, nil
}

// deleteLayer succeeds for a version that does not exist, as on AWS. Functions
// that use the version go on working.
func (s *Service) deleteLayer(c *door.Call, tx *store.Tx, in *api.DeleteLayerVersionRequest) (*awsapi.None, error) {
	l, err := parseLayer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	v, err := layerVersions.Get(tx, l.key())
	if errors.Is(err, store.ErrNotFound) {
		return none, nil
	}
	if err != nil {
		return nil, err
	}
	s.discardUnused(tx, []string{v.Code.ID})
	return none, errors.Join(layerVersions.Delete(tx, l.key()), deleteIfThere(tx, layerPolicies, l.key()))
}

// requireLayer refuses to speak of the policy of a version that does not exist.
func requireLayer(r store.Reader, l layerID) error {
	_, err := layerVersions.Get(r, l.key())
	if errors.Is(err, store.ErrNotFound) {
		return fail("ResourceNotFoundException", "Layer version %s does not exist.", l.arn())
	}
	return err
}

func (s *Service) addLayerPermission(c *door.Call, tx *store.Tx, in *api.AddLayerVersionPermissionRequest) (*api.AddLayerVersionPermissionResponse, error) {
	l, err := parseLayer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	if err := requireLayer(tx, l); err != nil {
		return nil, err
	}
	p, err := loadPolicy(tx, layerPolicies, l.key())
	if err != nil {
		return nil, err
	}
	if err := checkPolicyRevision(p, in.RevisionId); err != nil {
		return nil, err
	}
	st := statement{Sid: val(in.StatementId), Effect: "Allow", Principal: principalOf(val(in.Principal)), Action: val(in.Action), Resource: l.arn()}
	st.when("StringEquals", "aws:PrincipalOrgID", in.OrganizationId)
	if err := p.add(st); err != nil {
		return nil, err
	}
	return &api.AddLayerVersionPermissionResponse{Statement: ptr(st.json()), RevisionId: ptr(p.RevisionID)},
		savePolicy(tx, layerPolicies, l.key(), p)
}

func (s *Service) removeLayerPermission(c *door.Call, tx *store.Tx, in *api.RemoveLayerVersionPermissionRequest) (*awsapi.None, error) {
	l, err := parseLayer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	if err := requireLayer(tx, l); err != nil {
		return nil, err
	}
	return none, removeStatement(tx, layerPolicies, l.key(), val(in.StatementId), in.RevisionId)
}

func (s *Service) getLayerPolicy(c *door.Call, r store.Reader, in *api.GetLayerVersionPolicyRequest) (*api.GetLayerVersionPolicyResponse, error) {
	l, err := parseLayer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	if err := requireLayer(r, l); err != nil {
		return nil, err
	}
	p, err := layerPolicies.Get(r, l.key())
	if errors.Is(err, store.ErrNotFound) {
		return nil, noPolicy()
	}
	if err != nil {
		return nil, err
	}
	return &api.GetLayerVersionPolicyResponse{Policy: ptr(string(p.document())), RevisionId: ptr(p.RevisionID)}, nil
}
