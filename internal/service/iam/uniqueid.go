package iam

import (
	"strings"

	"cloister/internal/store"
)

// UniqueID is the unique id of the user or role that an ARN names, of the role
// for one of its sessions. An ARN has to be whole, path included. It is
// store.ErrNotFound for what is none, or is not there.
func (s *Service) UniqueID(r store.Reader, arn string) (string, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return "", store.ErrNotFound
	}
	account, resource := parts[4], parts[5]
	what, path, _ := strings.Cut(resource, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch what {
	case "user":
		return idNamed(userKind, r, account, name, arn)
	case "role":
		return idNamed(roleKind, r, account, name, arn)
	case "assumed-role":
		name, _, _ = strings.Cut(path, "/")
		return idNamed(roleKind, r, account, name, "")
	}
	return "", store.ErrNotFound
}

// idNamed is the unique id of what is called name, if its ARN is the given one.
func idNamed[T any](k *kind[T], r store.Reader, account, name, arn string) (string, error) {
	v, err := k.find(r, account, name)
	if absent(err) || err == nil && arn != "" && k.arn(v) != arn {
		return "", store.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	return k.entity(v).ID, nil
}
