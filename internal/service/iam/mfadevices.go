package iam

import (
	"encoding/base32"
	"errors"
	"net/url"
	"sort"

	"rsc.io/qr"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

func (s *Service) registerMFADevices(d *door.Door) {
	door.Write(d, api.OpCreateVirtualMFADevice, onNew(mfaNoun, "iam:CreateVirtualMFADevice", "iam:TagMFADevice",
		func(in *api.CreateVirtualMFADeviceRequest) *string { return in.VirtualMFADeviceName },
		func(in *api.CreateVirtualMFADeviceRequest) *string { return in.Path },
		func(in *api.CreateVirtualMFADeviceRequest) []*api.Tag { return in.Tags }), s.createVirtualMFADevice)
	door.Write(d, api.OpDeleteVirtualMFADevice, onDevice("iam:DeleteVirtualMFADevice",
		func(in *api.DeleteVirtualMFADeviceRequest) *string { return in.SerialNumber }), s.deleteVirtualMFADevice)
	door.Read(d, api.OpListVirtualMFADevices, everything[api.ListVirtualMFADevicesRequest]("iam:ListVirtualMFADevices"), s.listVirtualMFADevices)
	s.registerMFAHolders(d)
	s.registerMFATags(d)
}

func (s *Service) registerMFATags(d *door.Door) {
	door.Write(d, api.OpTagMFADevice, onDevice("iam:TagMFADevice",
		func(in *api.TagMFADeviceRequest) *string { return in.SerialNumber },
		func(need *door.Need, in *api.TagMFADeviceRequest, _ *mfaDevice) { requestTags(need.Context, in.Tags) }),
		func(c *door.Call, tx *store.Tx, in *api.TagMFADeviceRequest) (*awsapi.None, error) {
			return changeDeviceTags(c, tx, in.SerialNumber, func(tags []Tag) ([]Tag, error) { return addTags(tags, in.Tags) })
		})
	door.Write(d, api.OpUntagMFADevice, onDevice("iam:UntagMFADevice",
		func(in *api.UntagMFADeviceRequest) *string { return in.SerialNumber },
		func(need *door.Need, in *api.UntagMFADeviceRequest, _ *mfaDevice) { tagKeys(need.Context, in.TagKeys) }),
		func(c *door.Call, tx *store.Tx, in *api.UntagMFADeviceRequest) (*awsapi.None, error) {
			return changeDeviceTags(c, tx, in.SerialNumber, func(tags []Tag) ([]Tag, error) { return dropTags(tags, in.TagKeys), nil })
		})
	door.Read(d, api.OpListMFADeviceTags, onDevice("iam:ListMFADeviceTags",
		func(in *api.ListMFADeviceTagsRequest) *string { return in.SerialNumber }),
		func(c *door.Call, r store.Reader, in *api.ListMFADeviceTagsRequest) (*api.ListMFADeviceTagsResponse, error) {
			found, err := findDevice(r, c.Account, awsapi.Val(in.SerialNumber))
			if err != nil {
				return nil, err
			}
			p, err := paginate(found.Tags, tagSortKey, in.Marker, in.MaxItems)
			return &api.ListMFADeviceTagsResponse{Tags: wireTags(p.items), IsTruncated: p.truncated, Marker: p.marker}, err
		})
}

// mfaNoun is the kind of an MFA device's ARN.
const mfaNoun = "mfa"

// arn is the device's serial number, too.
func (d *mfaDevice) arn() string { return arn(d.Account, mfaNoun, d.Path, d.Name) }

// findDevice reads the virtual MFA device of a serial number, or gives
// NoSuchEntity.
func findDevice(r store.Reader, account, serial string) (*mfaDevice, error) {
	d, err := mfaDevices.Get(r, store.K(account, serial))
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuchEntity("VirtualMFADevice with serial number %s doesn't exist.", serial)
	}
	return d, err
}

func putDevice(tx *store.Tx, d *mfaDevice) error {
	return mfaDevices.Put(tx, store.K(d.Account, d.arn()), d)
}

// onDevice is the authorisation of an operation on one virtual MFA device.
func onDevice[In any](action string, serial func(*In) *string, details ...detail[In, mfaDevice]) door.Auth[In] {
	return permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need := door.Need{Action: action, Resource: awsapi.Val(serial(in)), Context: policy.MapContext{}}
		d, err := findDevice(r, c.Account, need.Resource)
		if err != nil && !absent(err) {
			return nil, err
		}
		if d != nil {
			resourceTags(need.Context, d.Tags)
		}
		for _, detail := range details {
			detail(&need, in, d)
		}
		return []door.Need{need}, nil
	})
}

func changeDeviceTags(c *door.Call, tx *store.Tx, serial *string, change func([]Tag) ([]Tag, error)) (*awsapi.None, error) {
	d, err := findDevice(tx, c.Account, awsapi.Val(serial))
	if err != nil {
		return nil, err
	}
	if d.Tags, err = change(d.Tags); err != nil {
		return nil, err
	}
	return &awsapi.None{}, putDevice(tx, d)
}

// createVirtualMFADevice answers with the seed, as text and as a picture, which
// nothing shows again
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_VirtualMFADevice.html).
func (s *Service) createVirtualMFADevice(c *door.Call, tx *store.Tx, in *api.CreateVirtualMFADeviceRequest) (*api.CreateVirtualMFADeviceResponse, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	d := &mfaDevice{
		Account: c.Account, Path: pathOf(in.Path), Name: awsapi.Val(in.VirtualMFADeviceName),
		Seed: newSeed(), Created: second(c.Time), Tags: tags,
	}
	_, err = findDevice(tx, d.Account, d.arn())
	if err == nil {
		return nil, alreadyExists("MFADevice entity at the same path and name already exists.")
	}
	if !absent(err) {
		return nil, err
	}
	if err := adjust(tx, d.Account, func(c *counts) *int64 { return &c.MFADevices }, 1, "MFADevices", mfaQuota); err != nil {
		return nil, err
	}
	seed := base32.StdEncoding.EncodeToString(d.Seed.Reveal())
	picture, err := d.picture(seed)
	if err != nil {
		return nil, err
	}
	return &api.CreateVirtualMFADeviceResponse{VirtualMFADevice: &api.VirtualMFADevice{
		SerialNumber: str(d.arn()), Base32StringSeed: []byte(seed), QRCodePNG: picture, Tags: shownTags(tags),
	}}, putDevice(tx, d)
}

// mfaQuota is how many virtual MFA devices an account may have: as many as users
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const mfaQuota = 5000

// picture is the QR code that an authenticator app scans, as a PNG.
func (d *mfaDevice) picture(seed string) ([]byte, error) {
	code, err := qr.Encode(d.address(seed), qr.M)
	if err != nil {
		return nil, err
	}
	return code.PNG(), nil
}

// address is the device's as AWS documents it.
func (d *mfaDevice) address(seed string) string {
	return "otpauth://totp/" + url.PathEscape(d.Name+"@"+d.Account) + "?secret=" + seed
}

func (s *Service) deleteVirtualMFADevice(c *door.Call, tx *store.Tx, in *api.DeleteVirtualMFADeviceRequest) (*awsapi.None, error) {
	d, err := findDevice(tx, c.Account, awsapi.Val(in.SerialNumber))
	if err != nil {
		return nil, err
	}
	if d.Holder != "" {
		return nil, deleteConflict("MFA VirtualDevice in use. Must deactivate first.")
	}
	if err := adjust(tx, d.Account, func(c *counts) *int64 { return &c.MFADevices }, -1, "MFADevices", mfaQuota); err != nil {
		return nil, err
	}
	return &awsapi.None{}, mfaDevices.Delete(tx, store.K(d.Account, d.arn()))
}

func (s *Service) listVirtualMFADevices(c *door.Call, r store.Reader, in *api.ListVirtualMFADevicesRequest) (*api.ListVirtualMFADevicesResponse, error) {
	var all []*mfaDevice
	for item, err := range mfaDevices.Scan(r, store.K(c.Account), nil) {
		if err != nil {
			return nil, err
		}
		if d := item.Value; d.hasStatus(awsapi.Val(in.AssignmentStatus)) {
			all = append(all, d)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].arn() < all[j].arn() })
	p, err := paginate(all, (*mfaDevice).arn, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.ListVirtualMFADevicesResponse{VirtualMFADevices: []*api.VirtualMFADevice{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, d := range p.items {
		shown, err := describeDevice(r, d)
		if err != nil {
			return nil, err
		}
		out.VirtualMFADevices = append(out.VirtualMFADevices, shown)
	}
	return out, nil
}

func (d *mfaDevice) hasStatus(status string) bool {
	switch status {
	case api.AssignmentStatusTypeAssigned:
		return d.Holder != ""
	case api.AssignmentStatusTypeUnassigned:
		return d.Holder == ""
	}
	return true
}

// describeDevice is a device as lists have it: without its seed.
func describeDevice(r store.Reader, d *mfaDevice) (*api.VirtualMFADevice, error) {
	shown := &api.VirtualMFADevice{SerialNumber: str(d.arn())}
	switch d.Holder {
	case "":
		return shown, nil
	case d.Account:
		shown.User = describeRoot(d.Account)
	default:
		u, err := userKind.get(r, d.Account, d.Holder)
		if err != nil {
			return nil, broken(err)
		}
		shown.User = summariseUser(u)
	}
	shown.EnableDate = &d.Enabled
	return shown, nil
}
