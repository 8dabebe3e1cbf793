package lambda

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"

	"cloister/internal/awsapi"
	ec2 "cloister/internal/awsapi/ec2"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
	"cloister/policy"
)

// vpcConfig is the VPC that a version's cells are in.
type vpcConfig struct {
	ID         string
	Subnets    []string
	Groups     []string
	Interfaces []vpcInterface // one in each subnet
}

// vpcInterface is an interface that Lambda made with the function's role.
type vpcInterface struct{ ID, Subnet, Address string }

// wants says whether a request asks for a VPC; one without subnets and groups
// asks for none.
func wants(in *api.VpcConfig) bool {
	return in != nil && len(in.SubnetIds)+len(in.SecurityGroupIds) > 0
}

// vpcKeys are the condition keys of a request for a VPC.
func vpcKeys(context policy.MapContext, in *api.VpcConfig) {
	if !wants(in) {
		return
	}
	context["lambda:subnetids"] = in.SubnetIds
	context["lambda:securitygroupids"] = in.SecurityGroupIds
}

// same tells whether a version is in the VPC that a request asks for already.
func (v *vpcConfig) same(in *api.VpcConfig) bool {
	return v != nil && slices.Equal(sorted(v.Subnets), sorted(in.SubnetIds)) && slices.Equal(sorted(v.Groups), sorted(in.SecurityGroupIds))
}

func sorted(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// join puts a function into the VPC that a request asks for: it looks, as the
// caller, at what the request names, and makes the interfaces with the function's
// role. Without a request it is nil. Who does not keep what it made gives it to
// leave.
func (s *Service) join(c *door.Call, f ref, role string, in *api.VpcConfig) (*vpcConfig, error) {
	if !wants(in) {
		return nil, nil
	}
	if len(in.SubnetIds) == 0 || len(in.SecurityGroupIds) == 0 {
		return nil, fail("InvalidParameterValueException", "SubnetIds and SecurityIds must coexist or be both empty list.")
	}
	if val(in.Ipv6AllowedForDualStack) {
		return nil, unavailable("IPv6 in VPCs", "leave out Ipv6AllowedForDualStack")
	}
	v := &vpcConfig{Subnets: sorted(in.SubnetIds), Groups: sorted(in.SecurityGroupIds)}
	if err := s.lookAt(c, v); err != nil {
		return nil, err
	}
	as, err := s.session(c, f, role)
	if err != nil {
		return nil, err
	}
	if err := s.mayLeave(c, as); err != nil {
		return nil, err
	}
	for _, id := range v.Subnets {
		out, err := door.Do(c, s.door, as, ec2.OpCreateNetworkInterface, &ec2.CreateNetworkInterfaceRequest{
			SubnetId: ptr(id), Groups: v.Groups, Description: ptr("AWS Lambda VPC ENI-" + f.Name + "-" + newID()),
		})
		if err != nil {
			s.leave(c, f, role, v.ids())
			return nil, ofRole(err, "CreateNetworkInterface")
		}
		v.Interfaces = append(v.Interfaces, vpcInterface{val(out.NetworkInterface.NetworkInterfaceId), id, val(out.NetworkInterface.PrivateIpAddress)})
	}
	return v, nil
}

// lookAt finds, as the caller, the subnets and groups of a VPC, which have to be
// there and in one.
func (s *Service) lookAt(c *door.Call, v *vpcConfig) error {
	subnets, err := door.Do(c, s.door, c.Principal, ec2.OpDescribeSubnets, &ec2.DescribeSubnetsRequest{SubnetIds: v.Subnets})
	if err != nil {
		return ofCaller(err, "DescribeSubnets")
	}
	groups, err := door.Do(c, s.door, c.Principal, ec2.OpDescribeSecurityGroups, &ec2.DescribeSecurityGroupsRequest{GroupIds: v.Groups})
	if err != nil {
		return ofCaller(err, "DescribeSecurityGroups")
	}
	for _, n := range subnets.Subnets {
		if v.ID != "" && v.ID != val(n.VpcId) {
			return fail("InvalidParameterValueException", "The subnets are not in the same VPC.")
		}
		v.ID = val(n.VpcId)
	}
	for _, g := range groups.SecurityGroups {
		if v.ID != val(g.VpcId) {
			return fail("InvalidParameterValueException", "Security group %s and subnet %s belong to different networks.", val(g.GroupId), v.Subnets[0])
		}
	}
	return nil
}

// ofCaller is what a caller is told of a question that was asked in their name.
func ofCaller(err error, call string) error {
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Status >= 500 {
		return err
	}
	if e.Code == "AccessDenied" {
		return fail("AccessDeniedException", "Your access has been denied by EC2, please make sure your request credentials have permission to %s. EC2 Error Code: UnauthorizedOperation. EC2 Error Message: You are not authorized to perform this operation.", call)
	}
	return fail("InvalidParameterValueException", "Error occurred while %s. EC2 Error Code: %s. EC2 Error Message: %s", call, e.Code, e.Message)
}

// ofRole is what a caller is told of a call that the function's role made.
func ofRole(err error, call string) error {
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Status >= 500 {
		return err
	}
	if e.Code == "AccessDenied" {
		return fail("InvalidParameterValueException", "The provided execution role does not have permissions to call %s on EC2", call)
	}
	return fail("InvalidParameterValueException", "Error occurred while %s. EC2 Error Code: %s. EC2 Error Message: %s", call, e.Code, e.Message)
}

// session is a session of a function's role, for what Lambda does with it.
func (s *Service) session(ctx context.Context, f ref, role string) (*door.Principal, error) {
	credentials, err := s.assume(ctx, f, role, f.Name)
	if err != nil {
		return nil, ofRole(err, "AssumeRole")
	}
	return s.door.Session(ctx, val(credentials.AccessKeyId), val(credentials.SessionToken))
}

// mayLeave refuses a role that could not remove the interfaces it makes.
func (s *Service) mayLeave(c *door.Call, as *door.Principal) error {
	_, err := door.Do(c, s.door, as, ec2.OpDeleteNetworkInterface, &ec2.DeleteNetworkInterfaceRequest{NetworkInterfaceId: ptr("eni-00000000"), DryRun: ptr(true)})
	if coded(err, "DryRunOperation") {
		return nil
	}
	return ofRole(err, "DeleteNetworkInterface")
}

func (v *vpcConfig) ids() (ids []string) {
	if v != nil {
		for _, i := range v.Interfaces {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

// leave removes interfaces that no version has any more. What cannot be removed,
// because the role is gone or may not, stays for whoever may.
func (s *Service) leave(ctx context.Context, f ref, role string, ids []string) {
	if len(ids) == 0 {
		return
	}
	as, err := s.session(ctx, f, role)
	for _, id := range ids {
		if err == nil {
			_, err = door.Do(ctx, s.door, as, ec2.OpDeleteNetworkInterface, &ec2.DeleteNetworkInterfaceRequest{NetworkInterfaceId: ptr(id)})
		}
		if err != nil {
			slog.Warn("a function's network interface could not be removed", "function", f.functionARN(), "interface", id, "error", err)
		}
	}
}

// leaveAfter has leave run once the transaction has committed.
func (s *Service) leaveAfter(c *door.Call, tx *store.Tx, f ref, role string, ids []string) {
	if len(ids) > 0 {
		ctx := context.WithoutCancel(c)
		tx.Defer(func() { go s.leave(ctx, f, role, ids) })
	}
}

// unheld are those of the interfaces that no version of a function has.
func unheld(r store.Reader, f ref, ids []string) ([]string, error) {
	for item, err := range versions.Scan(r, f.key(), nil) {
		if err != nil {
			return nil, err
		}
		held := item.Value.VPC.ids()
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(held, id) })
	}
	return ids, nil
}

// HoldsInterface tells whether a function of an account and region has an
// interface, which is then not to be removed.
func (s *Service) HoldsInterface(r store.Reader, account, region, id string) (bool, error) {
	for item, err := range versions.Scan(r, store.K(account, region), nil) {
		if err != nil {
			return false, err
		}
		if slices.Contains(item.Value.VPC.ids(), id) {
			return true, nil
		}
	}
	return false, nil
}

// wire is the VPC as the API shows it.
func (v *vpcConfig) wire() *api.VpcConfigResponse {
	if v == nil {
		return nil
	}
	return &api.VpcConfigResponse{VpcId: ptr(v.ID), SubnetIds: v.Subnets, SecurityGroupIds: v.Groups, Ipv6AllowedForDualStack: ptr(false)}
}

// egressTag, with the value egressInternet, asks for the public internet for a
// function that is in no VPC.
const (
	egressTag      = "cloister:egress"
	egressInternet = "internet"
)

// network is what the data plane is told of a version's network.
func (v *version) network(fn *function) *invoke.Network {
	if v.VPC == nil {
		if fn.Tags[egressTag] == egressInternet {
			return &invoke.Network{Internet: true}
		}
		return nil
	}
	n := &invoke.Network{Groups: v.VPC.Groups}
	for _, i := range v.VPC.Interfaces {
		address, _ := netip.ParseAddr(i.Address)
		n.Interfaces = append(n.Interfaces, invoke.Interface{ID: i.ID, Subnet: i.Subnet, Address: address})
	}
	return n
}

// AsksInternet tells whether a function has the tag that asks for the internet.
func (s *Service) AsksInternet(ctx context.Context, functionARN string) (asks bool, err error) {
	f, err := functionOfARN(functionARN)
	if err != nil {
		return false, err
	}
	err = s.db.View(ctx, func(r store.Reader) error {
		fn, err := functions.Get(r, f.key())
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		asks = err == nil && fn.Tags[egressTag] == egressInternet
		return err
	})
	return asks, err
}

// WithInternet lists the functions that have the tag and are in no VPC, by ARN.
func (s *Service) WithInternet(r store.Reader) (arns []string, err error) {
	for item, err := range functions.Scan(r, nil, nil) {
		if err != nil {
			return nil, err
		}
		f := refOfKey(item.Key)
		v, err := versions.Get(r, f.key(int64(latest)))
		if err != nil {
			return nil, err
		}
		if item.Value.Tags[egressTag] == egressInternet && v.VPC == nil {
			arns = append(arns, f.functionARN())
		}
	}
	return arns, nil
}
