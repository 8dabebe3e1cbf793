package lambda

import (
	"errors"
	"slices"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

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
	err = s.withCode(c, in.Content.ZipFile, codeKey{}, func(code codeRef) error {
		scan, err := s.scanOf(c, guardrail.LayerSecret, in.Content.ZipFile)
		if err != nil {
			return err
		}
		return c.Commit(func(tx *store.Tx) error {
			v.Code = code
			v.Number, err = nextLayerVersion(tx, l)
			if err != nil {
				return err
			}
			l.Number = v.Number
			if err := s.guard.LayerSecrets(tx, layerSubject(c, l), scan); err != nil {
				return err
			}
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

// fits says whether a layer version names the runtime and architecture asked
// for; as on AWS, one that names none fits no question.
func (v *layerVersion) fits(runtime, architecture *string) bool {
	return (val(runtime) == "" || slices.Contains(v.Runtimes, *runtime)) &&
		(val(architecture) == "" || slices.Contains(v.Architectures, *architecture))
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
	gone := layerSubject(c, l)
	return none, errors.Join(
		layerVersions.Delete(tx, l.key()), deleteIfThere(tx, layerPolicies, l.key()),
		guardrail.Gone(tx, gone.Account, gone.Resource, gone.Part, gone.Time),
	)
}
