package iam

import (
	"strings"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
)

func (s *Service) registerUsers(d *door.Door) {
	door.Write(d, api.OpCreateUser, onNew("user", "iam:CreateUser", "iam:TagUser",
		func(in *api.CreateUserRequest) *string { return in.UserName },
		func(in *api.CreateUserRequest) *string { return in.Path },
		func(in *api.CreateUserRequest) []*api.Tag { return in.Tags },
		func(need *door.Need, in *api.CreateUserRequest, _ *struct{}) {
			setBoundary(need, awsapi.Val(in.PermissionsBoundary))
		}), s.createUser)
	door.Read(d, api.OpGetUser, onSelf("iam:GetUser", func(in *api.GetUserRequest) *string { return in.UserName }), s.getUser)
	door.Read(d, api.OpListUsers, everything[api.ListUsersRequest]("iam:ListUsers"), s.listUsers)
	door.Write(d, api.OpUpdateUser, onRename(userKind, "iam:UpdateUser",
		func(in *api.UpdateUserRequest) (name, newPath, newName *string) {
			return in.UserName, in.NewPath, in.NewUserName
		}), s.updateUser)
	door.Write(d, api.OpDeleteUser, on(userKind, "iam:DeleteUser",
		func(in *api.DeleteUserRequest) *string { return in.UserName }), s.deleteUser)
}

// onSelf is the authorisation of operations on a user that mean the caller when
// they name nobody.
func onSelf[In any](action string, name func(*In) *string) door.Auth[In] {
	return permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		user, err := selfOr(c, name(in))
		if err != nil {
			return nil, err
		}
		if user == "" {
			return []door.Need{{Action: action, Resource: rootARN(c.Account)}}, nil
		}
		need, _, err := userKind.need(c, r, action, user)
		return []door.Need{need}, err
	})
}

// selfOr is the name given, or the caller's own: "" for the root user.
func selfOr(c *door.Call, name *string) (string, error) {
	if name != nil {
		return *name, nil
	}
	switch c.Principal.Kind {
	case policy.PrincipalUser:
		return c.Principal.Name, nil
	case policy.PrincipalRoot:
		return "", nil
	default:
		return "", validation("Must specify userName when calling with non-User credentials")
	}
}

// onRename is the authorisation of giving an entity another path or name: the
// caller needs the action on what it is and on what it becomes
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html).
func onRename[In, T any](k *kind[T], action string, names func(*In) (name, newPath, newName *string)) door.Auth[In] {
	return permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		name, newPath, newName := names(in)
		need, v, err := k.need(c, r, action, awsapi.Val(name))
		if err != nil {
			return nil, err
		}
		path, becomes := "/", awsapi.Val(name)
		if v != nil {
			path, becomes = k.entity(v).Path, k.entity(v).Name
		}
		after := need
		after.Resource = arn(c.Account, k.noun, or(newPath, path), or(newName, becomes))
		return []door.Need{need, after}, nil
	})
}

func or(p *string, otherwise string) string {
	if p != nil {
		return *p
	}
	return otherwise
}

func (s *Service) createUser(c *door.Call, tx *store.Tx, in *api.CreateUserRequest) (*api.CreateUserResponse, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	u := &user{Entity: newEntity(c, in.Path, in.UserName), Tags: tags, Boundary: awsapi.Val(in.PermissionsBoundary)}
	if err := checkBoundary(tx, u.Account, u.Boundary); err != nil {
		return nil, err
	}
	if err := userKind.create(tx, u); err != nil {
		return nil, err
	}
	return &api.CreateUserResponse{User: describeUser(u)}, nil
}

func newEntity(c *door.Call, path, name *string) Entity {
	return Entity{Account: c.Account, Path: pathOf(path), Name: awsapi.Val(name), Created: second(c.Time)}
}

// second is a time as the wire carries it.
func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func (s *Service) getUser(c *door.Call, r store.Reader, in *api.GetUserRequest) (*api.GetUserResponse, error) {
	name, err := selfOr(c, in.UserName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return &api.GetUserResponse{User: describeRoot(c.Account)}, nil
	}
	u, err := userKind.find(r, c.Account, name)
	if err != nil {
		return nil, err
	}
	return &api.GetUserResponse{User: describeUser(u)}, nil
}

func (s *Service) listUsers(c *door.Call, r store.Reader, in *api.ListUsersRequest) (*api.ListUsersResponse, error) {
	all, err := userKind.all(r, c.Account)
	if err != nil {
		return nil, err
	}
	p, err := paginate(under(userKind, all, in.PathPrefix), userKind.sortKey, in.Marker, in.MaxItems)
	return &api.ListUsersResponse{Users: each(p.items, summariseUser), IsTruncated: p.truncated, Marker: p.marker}, err
}

// under keeps the entities whose path begins with prefix.
func under[T any](k *kind[T], all []*T, prefix *string) []*T {
	return keep(all, func(v *T) bool { return strings.HasPrefix(k.entity(v).Path, awsapi.Val(prefix)) })
}

func (s *Service) updateUser(c *door.Call, tx *store.Tx, in *api.UpdateUserRequest) (*awsapi.None, error) {
	return rename(c, tx, userKind, in.UserName, in.NewPath, in.NewUserName)
}

// rename moves an entity to another path or name. What belongs to it does so by
// its id and stays.
func rename[T any](c *door.Call, tx *store.Tx, k *kind[T], name, newPath, newName *string) (*awsapi.None, error) {
	v, err := k.find(tx, c.Account, awsapi.Val(name))
	if err != nil {
		return nil, err
	}
	e := k.entity(v)
	if newName != nil && fold(*newName) != fold(e.Name) {
		if err := k.free(tx, c.Account, *newName); err != nil {
			return nil, err
		}
	}
	was := k.arn(v)
	e.Path, e.Name = or(newPath, e.Path), or(newName, e.Name)
	if err := guardrail.Moved(tx, e.Account, was, k.arn(v)); err != nil {
		return nil, err
	}
	return &awsapi.None{}, k.put(tx, v)
}

func (s *Service) deleteUser(c *door.Call, tx *store.Tx, in *api.DeleteUserRequest) (*awsapi.None, error) {
	u, err := userKind.find(tx, c.Account, awsapi.Val(in.UserName))
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(tx, u)
	if err != nil {
		return nil, err
	}
	if len(keys) > 0 {
		return nil, deleteConflict("Cannot delete entity, must delete access keys first.")
	}
	if _, err := loginOf(tx, u); !absent(err) {
		if err == nil {
			err = deleteConflict("Cannot delete entity, must delete login profile first.")
		}
		return nil, err
	}
	held, err := devicesOf(tx, u.Account, u.ID)
	if err != nil {
		return nil, err
	}
	if len(held) > 0 {
		return nil, deleteConflict("Cannot delete entity, must delete MFA device first.")
	}
	if len(u.Groups) > 0 {
		return nil, deleteConflict("Cannot delete entity, must remove users from group first.")
	}
	return &awsapi.None{}, userKind.remove(tx, u, c.Time)
}

// summariseUser is a user as lists have it: without tags and boundary.
func summariseUser(u *user) *api.User {
	return &api.User{
		Path: str(u.Path), UserName: str(u.Name), UserId: str(u.ID),
		Arn: str(userKind.arn(u)), CreateDate: &u.Created,
	}
}

func describeUser(u *user) *api.User {
	d := summariseUser(u)
	d.Tags, d.PermissionsBoundary = shownTags(u.Tags), describeBoundary(u.Boundary)
	return d
}

// describeRoot describes the root user, who was always there.
func describeRoot(account string) *api.User {
	return &api.User{UserId: str(account), Arn: str(rootARN(account)), CreateDate: awsapi.Ptr(time.Unix(0, 0).UTC())}
}
