package lambda

import (
	"fmt"
	"regexp"
	"strconv"

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
