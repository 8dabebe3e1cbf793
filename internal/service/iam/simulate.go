package iam

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

func (s *Service) registerSimulation(d *door.Door) {
	door.Read(d, api.OpSimulateCustomPolicy, everything[api.SimulateCustomPolicyRequest]("iam:SimulateCustomPolicy"), s.simulateCustomPolicy)
	door.Read(d, api.OpSimulatePrincipalPolicy, onSource("iam:SimulatePrincipalPolicy",
		func(in *api.SimulatePrincipalPolicyRequest) *string { return in.PolicySourceArn }), s.simulatePrincipalPolicy)
	door.Read(d, api.OpGetContextKeysForCustomPolicy, everything[api.GetContextKeysForCustomPolicyRequest]("iam:GetContextKeysForCustomPolicy"), s.getContextKeysForCustomPolicy)
	door.Read(d, api.OpGetContextKeysForPrincipalPolicy, onSource("iam:GetContextKeysForPrincipalPolicy",
		func(in *api.GetContextKeysForPrincipalPolicyRequest) *string { return in.PolicySourceArn }), s.getContextKeysForPrincipalPolicy)
}

// onSource is the authorisation of asking for the policies of a user, group or
// role. Its ARN is taken as it is given: the operation takes no other spelling.
func onSource[In any](action string, source func(*In) *string) door.Auth[In] {
	return permission(func(_ *door.Call, _ store.Reader, in *In) ([]door.Need, error) {
		return []door.Need{{Action: action, Resource: awsapi.Val(source(in))}}, nil
	})
}

// simulateCustomPolicy decides what policies given as text would decide
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html).
func (s *Service) simulateCustomPolicy(c *door.Call, _ store.Reader, in *api.SimulateCustomPolicyRequest) (*api.SimulatePolicyResponse, error) {
	sim := newSimulation(c)
	return s.simulate(sim, &api.SimulatePrincipalPolicyRequest{
		PolicyInputList: in.PolicyInputList, PermissionsBoundaryPolicyInputList: in.PermissionsBoundaryPolicyInputList,
		ActionNames: in.ActionNames, ResourceArns: in.ResourceArns, ResourcePolicy: in.ResourcePolicy,
		ResourceOwner: in.ResourceOwner, CallerArn: in.CallerArn, ContextEntries: in.ContextEntries,
		ResourceHandlingOption: in.ResourceHandlingOption, MaxItems: in.MaxItems, Marker: in.Marker,
	})
}

// simulatePrincipalPolicy decides what the policies of a user, group or role
// would decide, with those given as text besides
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html).
func (s *Service) simulatePrincipalPolicy(c *door.Call, r store.Reader, in *api.SimulatePrincipalPolicyRequest) (*api.SimulatePolicyResponse, error) {
	sim := newSimulation(c)
	if err := s.addSource(sim, r, awsapi.Val(in.PolicySourceArn)); err != nil {
		return nil, err
	}
	return s.simulate(sim, in)
}

// simulation is the policies and the circumstances of the requests to decide.
type simulation struct {
	account   string
	identity  []sourced
	boundary  *sourced
	resource  *sourced
	levels    [][]policy.Named // an organisation's
	principal policy.Principal
	isUser    bool // the principal is a user, whom a resource's policy can name
	context   policy.MapContext
	owner     string // account of resources whose ARN names none

	policies policy.Policies
	origin   map[*policy.Named]string // source types by policy
}

// sourced is a policy with where it is from, as PolicySourceType names it.
type sourced struct {
	policy.Named
	kind string
}

func newSimulation(c *door.Call) *simulation {
	return &simulation{
		account: c.Account, owner: c.Account, context: policy.MapContext{},
		principal: policy.Principal{Kind: policy.PrincipalUser, Account: c.Account},
	}
}

// simulate reads what was given besides the policies' source, and decides.
func (s *Service) simulate(sim *simulation, in *api.SimulatePrincipalPolicyRequest) (*api.SimulatePolicyResponse, error) {
	if in.ResourceHandlingOption != nil {
		return nil, invalidInput("ResourceHandlingOption is for resources of Amazon EC2, which this node does not have: leave it out.")
	}
	if err := s.addInputs(sim, in); err != nil {
		return nil, err
	}
	if err := sim.setCaller(in); err != nil {
		return nil, err
	}
	if err := sim.addContext(in.ContextEntries); err != nil {
		return nil, err
	}
	for _, action := range in.ActionNames {
		if !policy.IsAction(action) {
			return nil, invalidInput("Invalid action name %s: write service:Operation, without wildcards.", action)
		}
	}
	for _, resource := range in.ResourceArns {
		if resource != "*" && !policy.IsARN(resource) {
			return nil, invalidInput("Invalid resource ARN: %s", resource)
		}
	}
	sim.settle()
	return sim.page(in)
}

func (s *Service) addInputs(sim *simulation, in *api.SimulatePrincipalPolicyRequest) error {
	for i, text := range in.PolicyInputList {
		given, err := s.given(policy.KindIdentity, "PolicyInputList."+strconv.Itoa(i+1), text, "none")
		if err != nil {
			return err
		}
		sim.identity = append(sim.identity, *given)
	}
	if list := in.PermissionsBoundaryPolicyInputList; len(list) > 1 {
		return invalidInput("PermissionsBoundaryPolicyInputList may have one policy only.")
	} else if len(list) == 1 {
		given, err := s.given(policy.KindBoundary, "PermissionsBoundaryPolicyInputList.1", list[0], "none")
		if err != nil {
			return err
		}
		sim.boundary = given
	}
	if in.ResourcePolicy == nil {
		return nil
	}
	given, err := s.given(policy.KindResource, "ResourcePolicy", *in.ResourcePolicy, "resource")
	sim.resource = given
	return err
}

func (s *Service) given(kind policy.Kind, name, text, source string) (*sourced, error) {
	p, err := s.parse(kind, text)
	if err != nil {
		var wire *awsapi.Error
		if errors.As(err, &wire) {
			return nil, invalidInput("%s: %s", name, wire.Message)
		}
		return nil, err
	}
	return &sourced{policy.Named{Name: name, Policy: p}, source}, nil
}

// setCaller makes the user of CallerArn the principal. A resource's policy
// needs one to speak of.
func (sim *simulation) setCaller(in *api.SimulatePrincipalPolicyRequest) error {
	if in.ResourceOwner != nil {
		account, ok := strings.CutSuffix(strings.TrimPrefix(*in.ResourceOwner, "arn:aws:iam::"), ":root")
		if !ok || *in.ResourceOwner != rootARN(account) {
			return invalidInput("Invalid ResourceOwner %s: write arn:aws:iam::ACCOUNT:root.", *in.ResourceOwner)
		}
		sim.owner = account
	}
	if in.CallerArn == nil {
		if in.ResourcePolicy != nil && !sim.isUser {
			return invalidInput("CallerArn is required with a ResourcePolicy, and must be the ARN of an IAM user.")
		}
		return nil
	}
	parts := strings.SplitN(*in.CallerArn, ":", 6)
	if !policy.IsARN(*in.CallerArn) || parts[2] != "iam" || !strings.HasPrefix(parts[5], "user/") {
		return invalidInput("Invalid CallerArn %s: it must be the ARN of an IAM user.", *in.CallerArn)
	}
	sim.principal = policy.Principal{Kind: policy.PrincipalUser, ARN: *in.CallerArn, Account: parts[4]}
	if in.ResourceOwner == nil {
		sim.owner = parts[4]
	}
	return nil
}

// addContext reads the condition keys that requests are to have.
func (sim *simulation) addContext(entries []*api.ContextEntry) error {
	for _, e := range entries {
		name := awsapi.Val(e.ContextKeyName)
		if !strings.Contains(name, ":") {
			return invalidInput("Invalid context key name %q: it begins with a service, as in aws:SourceIp.", name)
		}
		values, err := contextValues(name, awsapi.Val(e.ContextKeyType), e.ContextKeyValues)
		if err != nil {
			return err
		}
		sim.context[strings.ToLower(name)] = values
	}
	return nil
}

// contextValues checks values against their type, one of ContextKeyTypeEnum.
func contextValues(name, kind string, values []string) ([]string, error) {
	element, list := strings.CutSuffix(kind, "List")
	if !list && len(values) > 1 {
		return nil, invalidInput("The context key %s is of type %s and has more than one value.", name, kind)
	}
	read := make([]string, 0, len(values))
	for _, v := range values {
		if element == "binary" {
			b, err := base64.StdEncoding.DecodeString(v)
			if err != nil {
				return nil, invalidInput("The value of the context key %s is not base64.", name)
			}
			v = string(b)
		} else if element != "" && !policy.ValueIs(element, v) {
			return nil, invalidInput("The value %q of the context key %s is not of type %s.", v, name, element)
		}
		read = append(read, v)
	}
	return read, nil
}

// settle puts the policies where Evaluate takes them from.
func (sim *simulation) settle() {
	sim.origin = map[*policy.Named]string{}
	sim.policies = policy.Policies{Organization: sim.levels, Identity: make([]policy.Named, len(sim.identity))}
	for i := range sim.identity {
		sim.policies.Identity[i] = sim.identity[i].Named
		sim.origin[&sim.policies.Identity[i]] = sim.identity[i].kind
	}
	if sim.boundary != nil {
		sim.policies.Boundary = &sim.boundary.Named
		sim.origin[sim.policies.Boundary] = sim.boundary.kind
	}
	if sim.resource != nil {
		sim.policies.Resource = &sim.resource.Named
		sim.origin[sim.policies.Resource] = sim.resource.kind
	}
}
