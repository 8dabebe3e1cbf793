package iam

import (
	"sort"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// devicesPerUser is how many MFA devices a user may have, and the root user
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const devicesPerUser = 8

func (s *Service) registerMFAHolders(d *door.Door) {
	door.Write(d, api.OpEnableMFADevice, onHolder("iam:EnableMFADevice",
		func(in *api.EnableMFADeviceRequest) *string { return in.UserName }), s.enableMFADevice)
	door.Write(d, api.OpResyncMFADevice, onHolder("iam:ResyncMFADevice",
		func(in *api.ResyncMFADeviceRequest) *string { return in.UserName }), s.resyncMFADevice)
	door.Write(d, api.OpDeactivateMFADevice, onHolder("iam:DeactivateMFADevice",
		func(in *api.DeactivateMFADeviceRequest) *string { return in.UserName }), s.deactivateMFADevice)
	door.Read(d, api.OpListMFADevices, onHolder("iam:ListMFADevices",
		func(in *api.ListMFADevicesRequest) *string { return in.UserName }), s.listMFADevices)
	door.Read(d, api.OpGetMFADevice, permission(needGetMFADevice), s.getMFADevice)
}

// holder is who has MFA devices: a user, or the root user, whose u is nil.
type mfaHolder struct {
	id string // a user's unique id, or the account of the root user
	u  *user
}

// holderOf finds the user whose devices a call speaks of. The root user is
// meant when it names nobody or, where a name has to be given, its account; no
// other caller can mean it.
func holderOf(c *door.Call, r store.Reader, name *string) (mfaHolder, error) {
	if isRootName(c, name) {
		return mfaHolder{id: c.Account}, nil
	}
	who, err := selfOr(c, name)
	if err != nil {
		return mfaHolder{}, err
	}
	u, err := userKind.find(r, c.Account, who)
	if err != nil {
		return mfaHolder{}, err
	}
	return mfaHolder{u.ID, u}, nil
}

func isRootName(c *door.Call, name *string) bool {
	return c.Principal.Kind == policy.PrincipalRoot && (name == nil || *name == c.Account)
}

// name is the user's; the root user has none.
func (h mfaHolder) name() *string {
	if h.u == nil {
		return nil
	}
	return str(h.u.Name)
}

// onHolder is the authorisation of an operation on a user's MFA devices.
func onHolder[In any](action string, name func(*In) *string) door.Auth[In] {
	return permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		if isRootName(c, name(in)) {
			return []door.Need{{Action: action, Resource: rootARN(c.Account)}}, nil
		}
		who, err := selfOr(c, name(in))
		if err != nil {
			return nil, err
		}
		need, _, err := userKind.need(c, r, action, who)
		return []door.Need{need}, err
	})
}

// devicesOf reads a holder's devices, by serial number.
func devicesOf(r store.Reader, account, holder string) ([]*mfaDevice, error) {
	var all []*mfaDevice
	for item, err := range mfaDevices.ScanIndex(r, "holder", store.K(account, holder), nil) {
		if err != nil {
			return nil, err
		}
		all = append(all, item.Value)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].arn() < all[j].arn() })
	return all, nil
}

// enableMFADevice gives a device to a user, who shows by two codes to have it
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html).
func (s *Service) enableMFADevice(c *door.Call, tx *store.Tx, in *api.EnableMFADeviceRequest) (*awsapi.None, error) {
	h, err := holderOf(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	d, err := findDevice(tx, c.Account, awsapi.Val(in.SerialNumber))
	if err != nil {
		return nil, err
	}
	if d.Holder != "" {
		return nil, alreadyExists("MFA Device is already in use.")
	}
	held, err := devicesOf(tx, c.Account, h.id)
	if err != nil {
		return nil, err
	}
	if len(held) >= devicesPerUser {
		return nil, overQuota("MFADevicesPerUser", devicesPerUser)
	}
	if err := d.set(in.AuthenticationCode1, in.AuthenticationCode2, c.Time); err != nil {
		return nil, err
	}
	d.Holder, d.Enabled = h.id, second(c.Time)
	if err := countInUse(tx, c.Account, 1); err != nil {
		return nil, err
	}
	return &awsapi.None{}, putDevice(tx, d)
}

func countInUse(tx *store.Tx, account string, by int64) error {
	return adjust(tx, account, func(c *counts) *int64 { return &c.MFADevicesInUse }, by, "MFADevices", mfaQuota)
}

// set sets the device's clock by two codes, which are used then.
func (d *mfaDevice) set(first, second *string, now time.Time) error {
	step, ok := d.matchPair(awsapi.Val(first), awsapi.Val(second), now)
	if !ok {
		return invalidAuthenticationCode()
	}
	d.Used, d.Drift = step, driftOf(step, now)
	return nil
}

// heldDevice finds a device that a holder has.
func heldDevice(c *door.Call, r store.Reader, name, serial *string) (*mfaDevice, mfaHolder, error) {
	h, err := holderOf(c, r, name)
	if err != nil {
		return nil, h, err
	}
	d, err := findDevice(r, c.Account, awsapi.Val(serial))
	if absent(err) || err == nil && d.Holder != h.id {
		err = noSuchEntity("MFA Device invalid for user.")
	}
	return d, h, err
}

func (s *Service) resyncMFADevice(c *door.Call, tx *store.Tx, in *api.ResyncMFADeviceRequest) (*awsapi.None, error) {
	d, _, err := heldDevice(c, tx, in.UserName, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	if err := d.set(in.AuthenticationCode1, in.AuthenticationCode2, c.Time); err != nil {
		return nil, err
	}
	return &awsapi.None{}, putDevice(tx, d)
}

// deactivateMFADevice takes a device from its user. The device keeps its seed,
// and which codes were used.
func (s *Service) deactivateMFADevice(c *door.Call, tx *store.Tx, in *api.DeactivateMFADeviceRequest) (*awsapi.None, error) {
	d, _, err := heldDevice(c, tx, in.UserName, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	d.Holder, d.Enabled, d.Drift = "", time.Time{}, 0
	if err := countInUse(tx, c.Account, -1); err != nil {
		return nil, err
	}
	return &awsapi.None{}, putDevice(tx, d)
}

func (s *Service) listMFADevices(c *door.Call, r store.Reader, in *api.ListMFADevicesRequest) (*api.ListMFADevicesResponse, error) {
	h, err := holderOf(c, r, in.UserName)
	if err != nil {
		return nil, err
	}
	held, err := devicesOf(r, c.Account, h.id)
	if err != nil {
		return nil, err
	}
	p, err := paginate(held, (*mfaDevice).arn, in.Marker, in.MaxItems)
	shown := each(p.items, func(d *mfaDevice) *api.MFADevice {
		return &api.MFADevice{UserName: h.name(), SerialNumber: str(d.arn()), EnableDate: &d.Enabled}
	})
	return &api.ListMFADevicesResponse{MFADevices: shown, IsTruncated: p.truncated, Marker: p.marker}, err
}

// needGetMFADevice needs the permission on the user who is named, or else on
// the one who has the device. Of a device that nobody has, "*" tells nothing.
func needGetMFADevice(c *door.Call, r store.Reader, in *api.GetMFADeviceRequest) ([]door.Need, error) {
	const action = "iam:GetMFADevice"
	if in.UserName != nil {
		need, _, err := userKind.need(c, r, action, *in.UserName)
		return []door.Need{need}, err
	}
	need := door.Need{Action: action, Resource: "*"}
	d, err := findDevice(r, c.Account, awsapi.Val(in.SerialNumber))
	switch {
	case absent(err) || err == nil && d.Holder == "":
		return []door.Need{need}, nil
	case err != nil:
		return nil, err
	case d.Holder == c.Account:
		need.Resource = rootARN(c.Account)
		return []door.Need{need}, nil
	}
	u, err := userKind.get(r, c.Account, d.Holder)
	if err != nil {
		return nil, broken(err)
	}
	need, _, err = userKind.need(c, r, action, u.Name)
	return []door.Need{need}, err
}

func (s *Service) getMFADevice(c *door.Call, r store.Reader, in *api.GetMFADeviceRequest) (*api.GetMFADeviceResponse, error) {
	d, err := findDevice(r, c.Account, awsapi.Val(in.SerialNumber))
	if err != nil {
		return nil, err
	}
	out := &api.GetMFADeviceResponse{SerialNumber: str(d.arn())}
	if in.UserName != nil {
		if d, _, err = heldDevice(c, r, in.UserName, in.SerialNumber); err != nil {
			return nil, err
		}
	}
	if d.Holder == "" {
		return out, nil
	}
	out.EnableDate = &d.Enabled
	if d.Holder != d.Account {
		u, err := userKind.get(r, d.Account, d.Holder)
		if err != nil {
			return nil, broken(err)
		}
		out.UserName = str(u.Name)
	}
	return out, nil
}
