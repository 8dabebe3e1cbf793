package lambda

import (
	"slices"
	"strings"
	"testing"
	"time"

	ec2api "cloister/internal/awsapi/ec2"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/service/ec2"
	"cloister/internal/store"
)

const mayBeInVPC = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:CreateNetworkInterface","ec2:DeleteNetworkInterface"],"Resource":"*"}]}`

// vpcHarness has EC2 behind the same door, and a role that may be in its VPCs.
type vpcHarness struct {
	*harness
	subnets []string
	group   string
	vpc     string
}

func newVPCHarness(t *testing.T) *vpcHarness {
	h := &vpcHarness{harness: newHarness(t)}
	network := ec2.New(h.DB)
	network.InUse = h.lambda.HoldsInterface
	network.Register(h.Door)
	t.Cleanup(func() { h.must(h.view(network.Check)) })
	h.Role("works", "session", mayBeInVPC)
	out, err := do(h.harness, h.Root(), ec2api.OpDescribeSubnets, &ec2api.DescribeSubnetsRequest{})
	h.must(err)
	for _, n := range out.Subnets {
		h.subnets, h.vpc = append(h.subnets, *n.SubnetId), *n.VpcId
	}
	slices.Sort(h.subnets)
	made, err := do(h.harness, h.Root(), ec2api.OpCreateSecurityGroup, &ec2api.CreateSecurityGroupRequest{GroupName: ptr("f"), Description: ptr("f")})
	h.must(err)
	h.group = *made.GroupId
	return h
}

func (h *vpcHarness) request(subnets ...string) *api.CreateFunctionRequest {
	in := createRequest("f", "one")
	in.VpcConfig = &api.VpcConfig{SubnetIds: subnets, SecurityGroupIds: []string{h.group}}
	return in
}

// interfaces are the subnets of all interfaces, sorted.
func (h *vpcHarness) interfaces() (subnets []string) {
	h.t.Helper()
	out, err := do(h.harness, h.Root(), ec2api.OpDescribeNetworkInterfaces, &ec2api.DescribeNetworkInterfacesRequest{})
	h.must(err)
	for _, e := range out.NetworkInterfaces {
		if !strings.HasPrefix(*e.Description, "AWS Lambda VPC ENI-f-") || *e.InterfaceType != "lambda" || *e.Status != "in-use" || *e.Groups[0].GroupId != h.group {
			h.t.Errorf("an interface is %+v", e)
		}
		subnets = append(subnets, *e.SubnetId)
	}
	slices.Sort(subnets)
	return subnets
}

// wait has the removals that are under way end.
func (h *vpcHarness) wait(want ...string) {
	h.t.Helper()
	for range 1000 {
		if slices.Equal(h.interfaces(), want) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	h.t.Errorf("the interfaces are in %v, not %v", h.interfaces(), want)
}

func TestVpcConfig(t *testing.T) {
	h := newVPCHarness(t)
	out, err := do(h.harness, h.Root(), api.OpCreateFunction, h.request(h.subnets[0], h.subnets[1]))
	h.must(err)
	if v := out.VpcConfig; v == nil || *v.VpcId != h.vpc || !slices.Equal(v.SubnetIds, h.subnets[:2]) || !slices.Equal(v.SecurityGroupIds, []string{h.group}) {
		t.Errorf("the VPC is %+v", v)
	}
	h.wait(h.subnets[:2]...)

	all, err := do(h.harness, h.Root(), ec2api.OpDescribeNetworkInterfaces, &ec2api.DescribeNetworkInterfacesRequest{})
	h.must(err)
	id := all.NetworkInterfaces[0].NetworkInterfaceId
	_, err = do(h.harness, h.Root(), ec2api.OpDeleteNetworkInterface, &ec2api.DeleteNetworkInterfaceRequest{NetworkInterfaceId: id})
	wantError(t, err, "InvalidParameterValue: Network interface '"+*id+"' is currently in use.")
	_, err = do(h.harness, h.Root(), ec2api.OpDeleteSecurityGroup, &ec2api.DeleteSecurityGroupRequest{GroupId: &h.group})
	wantError(t, err, "DependencyViolation: resource "+h.group+" has a dependent object")

	// What an update does not speak of stays; what a published version needs, too.
	update := &api.UpdateFunctionConfigurationRequest{FunctionName: ptr("f"), Description: ptr("d")}
	_, err = do(h.harness, h.Root(), api.OpUpdateFunctionConfiguration, update)
	h.must(err)
	_, err = do(h.harness, h.Root(), api.OpPublishVersion, &api.PublishVersionRequest{FunctionName: ptr("f")})
	h.must(err)
	update.VpcConfig = &api.VpcConfig{SubnetIds: h.subnets[2:3], SecurityGroupIds: []string{h.group}}
	_, err = do(h.harness, h.Root(), api.OpUpdateFunctionConfiguration, update)
	h.must(err)
	h.wait(h.subnets...)
	_, err = do(h.harness, h.Root(), api.OpUpdateFunctionConfiguration, update) // the same again makes nothing
	h.must(err)
	h.wait(h.subnets...)
	_, err = do(h.harness, h.Root(), api.OpDeleteFunction, &api.DeleteFunctionRequest{FunctionName: ptr("f"), Qualifier: ptr("1")})
	h.must(err)
	h.wait(h.subnets[2])
	update.VpcConfig = &api.VpcConfig{SubnetIds: []string{}, SecurityGroupIds: []string{}}
	out, err = do(h.harness, h.Root(), api.OpUpdateFunctionConfiguration, update)
	h.must(err)
	if out.VpcConfig != nil {
		t.Errorf("still in %+v", out.VpcConfig)
	}
	h.wait()
}

func TestInterfacesGoWithTheirFunction(t *testing.T) {
	h := newVPCHarness(t)
	_, err := do(h.harness, h.Root(), api.OpCreateFunction, h.request(h.subnets...))
	h.must(err)
	_, err = do(h.harness, h.Root(), api.OpDeleteFunction, &api.DeleteFunctionRequest{FunctionName: ptr("f")})
	h.must(err)
	h.wait()
}

func TestVpcConfigIsRefused(t *testing.T) {
	h := newVPCHarness(t)
	made, err := do(h.harness, h.Root(), ec2api.OpCreateVpc, &ec2api.CreateVpcRequest{CidrBlock: ptr("10.0.0.0/16")})
	h.must(err)
	elsewhere, err := do(h.harness, h.Root(), ec2api.OpCreateSubnet, &ec2api.CreateSubnetRequest{VpcId: made.Vpc.VpcId, CidrBlock: ptr("10.0.0.0/24")})
	h.must(err)
	other := *elsewhere.Subnet.SubnetId
	h.Role("none", "session")
	h.Role("half", "session", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:CreateNetworkInterface","Resource":"*"}]}`)
	onlyLambda := h.User("u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:*","iam:PassRole"],"Resource":"*"}]}`)
	for _, c := range []struct {
		who  *door.Principal
		edit func(*api.CreateFunctionRequest)
		want string
	}{
		{h.Root(), func(in *api.CreateFunctionRequest) { in.VpcConfig.SecurityGroupIds = nil },
			"InvalidParameterValueException: SubnetIds and SecurityIds must coexist or be both empty list."},
		{h.Root(), func(in *api.CreateFunctionRequest) { in.VpcConfig.SubnetIds = []string{"subnet-12345678"} },
			"InvalidParameterValueException: Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID 'subnet-12345678' does not exist"},
		{h.Root(), func(in *api.CreateFunctionRequest) { in.VpcConfig.SecurityGroupIds = []string{"sg-12345678"} },
			"InvalidParameterValueException: Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: The security group 'sg-12345678' does not exist"},
		{h.Root(), func(in *api.CreateFunctionRequest) { in.VpcConfig.SubnetIds = []string{h.subnets[0], other} },
			"InvalidParameterValueException: The subnets are not in the same VPC."},
		{h.Root(), func(in *api.CreateFunctionRequest) { in.VpcConfig.SubnetIds = []string{other} },
			"InvalidParameterValueException: Security group " + h.group + " and subnet " + other + " belong to different networks."},
		{h.Root(), func(in *api.CreateFunctionRequest) { in.Role = ptr("arn:aws:iam::123456789012:role/none") },
			"InvalidParameterValueException: The provided execution role does not have permissions to call DeleteNetworkInterface on EC2"},
		{h.Root(), func(in *api.CreateFunctionRequest) { in.Role = ptr("arn:aws:iam::123456789012:role/half") },
			"InvalidParameterValueException: The provided execution role does not have permissions to call DeleteNetworkInterface on EC2"},
		{h.Root(), func(in *api.CreateFunctionRequest) { in.VpcConfig.Ipv6AllowedForDualStack = ptr(true) },
			"InvalidParameterValueException: This node does not offer IPv6 in VPCs: leave out Ipv6AllowedForDualStack."},
		{onlyLambda, func(*api.CreateFunctionRequest) {},
			"AccessDeniedException: Your access has been denied by EC2, please make sure your request credentials have permission to DescribeSubnets. EC2 Error Code: UnauthorizedOperation. EC2 Error Message: You are not authorized to perform this operation."},
	} {
		in := h.request(h.subnets[0])
		c.edit(in)
		_, err := do(h.harness, c.who, api.OpCreateFunction, in)
		wantError(t, err, c.want)
	}
	if left := h.interfaces(); len(left) > 0 {
		t.Errorf("refused calls left interfaces in %v", left)
	}
}

// A function that was refused after its interfaces were made leaves none.
func TestRefusedFunctionLeavesNoInterface(t *testing.T) {
	h := newVPCHarness(t)
	h.create("f", "one")
	in := &api.UpdateFunctionConfigurationRequest{FunctionName: ptr("f"), Layers: []string{"arn:aws:lambda:us-east-1:123456789012:layer:none:1"},
		VpcConfig: &api.VpcConfig{SubnetIds: h.subnets, SecurityGroupIds: []string{h.group}}}
	if _, err := do(h.harness, h.Root(), api.OpUpdateFunctionConfiguration, in); err == nil {
		t.Fatal("a layer that is not there was taken")
	}
	h.wait()
}

func TestEgressTag(t *testing.T) {
	h := newHarness(t)
	in := createRequest("f", "one")
	in.Tags = map[string]string{"cloister:egress": "internet"}
	out, err := do(h, h.Root(), api.OpCreateFunction, in)
	h.must(err)
	asks := func() bool {
		t.Helper()
		yes, err := h.lambda.AsksInternet(t.Context(), *out.FunctionArn)
		h.must(err)
		var all []string
		h.must(h.view(func(r store.Reader) (err error) { all, err = h.lambda.WithInternet(r); return err }))
		if yes != slices.Equal(all, []string{*out.FunctionArn}) {
			t.Errorf("it asks: %t; those who do: %v", yes, all)
		}
		return yes
	}
	if !asks() {
		t.Error("the tag does not count")
	}
	_, err = do(h, h.Root(), api.OpUntagResource, &api.UntagResourceRequest{Resource: out.FunctionArn, TagKeys: []string{"cloister:egress"}})
	h.must(err)
	if asks() {
		t.Error("the tag that was removed counts")
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}
