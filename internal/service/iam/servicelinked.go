package iam

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// serviceLinkedPath is the path of service-linked roles, which an
// organisation's policies do not limit: nobody makes a role there but by
// CreateServiceLinkedRole, nobody changes what one of them may do or who may
// assume it, and only its service may
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html).
const serviceLinkedPath = "/aws-service-role/"

//go:embed servicelinked.txt
var serviceLinkedFile string

// linkedService is a service that has a role of its own.
type linkedService struct {
	role   string
	suffix bool // there may be more than one, told apart by a suffix
}

// linkedServices are they, by name. Read only.
var linkedServices = readLinkedServices(serviceLinkedFile)

// readLinkedServices panics on a line that it does not understand: the file is
// part of the program.
func readLinkedServices(text string) map[string]linkedService {
	all := map[string]linkedService{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 2 || len(fields) == 3 && fields[2] != "suffix" || len(fields) > 3 {
			panic("servicelinked.txt: " + line)
		}
		all[fields[0]+".amazonaws.com"] = linkedService{fields[1], len(fields) == 3}
	}
	return all
}

func (s *Service) registerServiceLinked(d *door.Door) {
	door.Write(d, api.OpCreateServiceLinkedRole, permission(needCreateLinked), s.createServiceLinkedRole)
	door.Write(d, api.OpDeleteServiceLinkedRole, on(roleKind, "iam:DeleteServiceLinkedRole",
		func(in *api.DeleteServiceLinkedRoleRequest) *string { return in.RoleName }), s.deleteServiceLinkedRole)
	door.Read(d, api.OpGetServiceLinkedRoleDeletionStatus, permission(needDeletionStatus), s.getServiceLinkedRoleDeletionStatus)
}

// linkedName is the name of the role that a call would make, "" for a service
// that has none.
func linkedName(in *api.CreateServiceLinkedRoleRequest) string {
	name := linkedServices[awsapi.Val(in.AWSServiceName)].role
	if in.CustomSuffix != nil && name != "" {
		name += "_" + *in.CustomSuffix
	}
	return name
}

func linkedPath(service string) string { return serviceLinkedPath + service + "/" }

// needCreateLinked needs the permission on the role. Of a service that has none
// it is the role that AWS's example policies name: any under the service's path.
func needCreateLinked(c *door.Call, _ store.Reader, in *api.CreateServiceLinkedRoleRequest) ([]door.Need, error) {
	service := awsapi.Val(in.AWSServiceName)
	return []door.Need{{
		Action: "iam:CreateServiceLinkedRole", Resource: arn(c.Account, roleKind.noun, linkedPath(service), linkedName(in)),
		Context: policy.MapContext{"iam:awsservicename": []string{service}},
	}}, nil
}

func (s *Service) createServiceLinkedRole(c *door.Call, tx *store.Tx, in *api.CreateServiceLinkedRoleRequest) (*api.CreateServiceLinkedRoleResponse, error) {
	service := awsapi.Val(in.AWSServiceName)
	linked, ok := linkedServices[service]
	if !ok {
		return nil, invalidInput("%s is not the name of a service that has a service-linked role.", service)
	}
	if in.CustomSuffix != nil && !linked.suffix {
		return nil, invalidInput("Custom suffix is not allowed for %s", service)
	}
	name := linkedName(in)
	if len(name) > 64 {
		return nil, invalidInput("The name %s would be longer than 64 characters.", name)
	}
	if _, err := roleKind.find(tx, c.Account, name); !absent(err) {
		if err == nil {
			err = invalidInput("Service role name %s has been taken in this account, please try a different suffix.", name)
		}
		return nil, err
	}
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"%s"},"Action":"sts:AssumeRole"}]}`, service)
	path := linkedPath(service)
	r := &role{
		Entity: newEntity(c, &path, &name), Trust: trust, Bound: trust,
		Description: awsapi.Val(in.Description), MaxSession: sessionSeconds,
	}
	if err := roleKind.create(tx, r); err != nil {
		return nil, err
	}
	return &api.CreateServiceLinkedRoleResponse{Role: describeRole(r)}, nil
}

func (r *role) isLinked() bool { return strings.HasPrefix(r.Path, serviceLinkedPath) }

// unlinked refuses to change a service-linked role, in AWS's words.
func unlinked(r *role) error {
	if !r.isLinked() {
		return nil
	}
	return awsapi.Errorf("UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", r.Name)
}

// protect refuses to change a service-linked role, which v may be.
func protect(v any) error {
	if r, ok := v.(*role); ok {
		return unlinked(r)
	}
	return nil
}

// deletionKept is how long the outcome of a deletion can be asked for.
const deletionKept = 7 * 24 * time.Hour

// deleteServiceLinkedRole deletes the role at once: no service here has
// resources that need one.
func (s *Service) deleteServiceLinkedRole(c *door.Call, tx *store.Tx, in *api.DeleteServiceLinkedRoleRequest) (*api.DeleteServiceLinkedRoleResponse, error) {
	r, err := roleKind.find(tx, c.Account, awsapi.Val(in.RoleName))
	if err != nil {
		return nil, err
	}
	if !r.isLinked() {
		return nil, noSuchEntity("The service-linked role with name %s cannot be found.", r.Name)
	}
	if err := roleKind.remove(tx, r, c.Time); err != nil {
		return nil, err
	}
	task := "task" + r.Path + r.Name + "/" + uuid.NewString()
	return &api.DeleteServiceLinkedRoleResponse{DeletionTaskId: &task},
		deletions.Put(tx, store.K(c.Account, task), &deletion{Ends: second(c.Time).Add(deletionKept)})
}

// needDeletionStatus needs the permission on the role that the task's id names.
func needDeletionStatus(c *door.Call, _ store.Reader, in *api.GetServiceLinkedRoleDeletionStatusRequest) ([]door.Need, error) {
	resource := "*"
	id := awsapi.Val(in.DeletionTaskId)
	if rest, ok := strings.CutPrefix(id, "task"+serviceLinkedPath); ok {
		if i := strings.LastIndexByte(rest, '/'); i > 0 {
			resource = arn(c.Account, roleKind.noun, serviceLinkedPath, rest[:i])
		}
	}
	return []door.Need{{Action: "iam:GetServiceLinkedRoleDeletionStatus", Resource: resource}}, nil
}

func (s *Service) getServiceLinkedRoleDeletionStatus(c *door.Call, r store.Reader, in *api.GetServiceLinkedRoleDeletionStatusRequest) (*api.GetServiceLinkedRoleDeletionStatusResponse, error) {
	_, err := deletions.Get(r, store.K(c.Account, awsapi.Val(in.DeletionTaskId)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuchEntity("The deletion task with id %s cannot be found.", awsapi.Val(in.DeletionTaskId))
	}
	if err != nil {
		return nil, err
	}
	return &api.GetServiceLinkedRoleDeletionStatusResponse{Status: str(api.DeletionTaskStatusTypeSucceeded)}, nil
}
