package iam

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerBoundaries(d *door.Door) {
	door.Write(d, api.OpPutUserPermissionsBoundary, on(userKind, "iam:PutUserPermissionsBoundary",
		func(in *api.PutUserPermissionsBoundaryRequest) *string { return in.UserName },
		func(need *door.Need, in *api.PutUserPermissionsBoundaryRequest, _ *user) {
			setBoundary(need, awsapi.Val(in.PermissionsBoundary))
		}),
		func(c *door.Call, tx *store.Tx, in *api.PutUserPermissionsBoundaryRequest) (*awsapi.None, error) {
			return putBoundary(c, tx, userKind, in.UserName, in.PermissionsBoundary)
		})
	door.Write(d, api.OpDeleteUserPermissionsBoundary, on(userKind, "iam:DeleteUserPermissionsBoundary",
		func(in *api.DeleteUserPermissionsBoundaryRequest) *string { return in.UserName },
		boundaryInForce[api.DeleteUserPermissionsBoundaryRequest](userKind)),
		func(c *door.Call, tx *store.Tx, in *api.DeleteUserPermissionsBoundaryRequest) (*awsapi.None, error) {
			return deleteBoundary(c, tx, userKind, in.UserName)
		})
	door.Write(d, api.OpPutRolePermissionsBoundary, on(roleKind, "iam:PutRolePermissionsBoundary",
		func(in *api.PutRolePermissionsBoundaryRequest) *string { return in.RoleName },
		func(need *door.Need, in *api.PutRolePermissionsBoundaryRequest, _ *role) {
			setBoundary(need, awsapi.Val(in.PermissionsBoundary))
		}),
		func(c *door.Call, tx *store.Tx, in *api.PutRolePermissionsBoundaryRequest) (*awsapi.None, error) {
			return putBoundary(c, tx, roleKind, in.RoleName, in.PermissionsBoundary)
		})
	door.Write(d, api.OpDeleteRolePermissionsBoundary, on(roleKind, "iam:DeleteRolePermissionsBoundary",
		func(in *api.DeleteRolePermissionsBoundaryRequest) *string { return in.RoleName },
		boundaryInForce[api.DeleteRolePermissionsBoundaryRequest](roleKind)),
		func(c *door.Call, tx *store.Tx, in *api.DeleteRolePermissionsBoundaryRequest) (*awsapi.None, error) {
			return deleteBoundary(c, tx, roleKind, in.RoleName)
		})
}

// checkBoundary makes sure that a boundary, if there is one, exists.
func checkBoundary(r store.Reader, account, arn string) error {
	if arn == "" {
		return nil
	}
	_, err := findPolicy(r, account, arn)
	if absent(err) {
		return noSuchEntity("Scope ARN: %s does not exist or is not attachable.", arn)
	}
	return err
}

func putBoundary[T any](c *door.Call, tx *store.Tx, k *kind[T], name, arn *string) (*awsapi.None, error) {
	v, err := k.change(tx, c.Account, name)
	if err != nil {
		return nil, err
	}
	if err := checkBoundary(tx, c.Account, awsapi.Val(arn)); err != nil {
		return nil, err
	}
	*k.boundary(v) = awsapi.Val(arn)
	return &awsapi.None{}, k.put(tx, v)
}

func deleteBoundary[T any](c *door.Call, tx *store.Tx, k *kind[T], name *string) (*awsapi.None, error) {
	v, err := k.change(tx, c.Account, name)
	if err != nil {
		return nil, err
	}
	*k.boundary(v) = ""
	return &awsapi.None{}, k.put(tx, v)
}

func describeBoundary(arn string) *api.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	// AWS documents "PermissionsBoundaryPolicy" as the type, and answers "Policy".
	return &api.AttachedPermissionsBoundary{
		PermissionsBoundaryType: str("Policy"), PermissionsBoundaryArn: str(arn),
	}
}
