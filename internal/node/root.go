package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cloister/internal/door/session"
	"cloister/internal/seal"
)

// Account is the account that the first start makes.
const Account = "123456789012"

// The environment variables that set the root credential.
const (
	EnvRootKeyID  = "CLOISTER_ROOT_ACCESS_KEY_ID"
	EnvRootSecret = "CLOISTER_ROOT_SECRET_ACCESS_KEY"
)

const rootFile = "root-credentials.json"

// RootCredential is the access key of the account's root user.
type RootCredential struct {
	AccessKeyID string
	Secret      seal.Secret
}

// rootDocument is the file's form, the one that tools of AWS use for
// credentials handed over by a process.
type rootDocument struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string `json:"SecretAccessKey"`
}

// ReadRootCredential reads the root credential of the node on dir. The file is
// the one place where a secret lies in the clear, with mode 0600, because it is
// how its owner gets in.
func ReadRootCredential(dir string) (*RootCredential, error) {
	path := filepath.Join(dir, rootFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no node was ever started on %s: run cloister up --data %s", dir, dir)
	}
	if err != nil {
		return nil, err
	}
	var doc rootDocument
	if err := json.Unmarshal(text, &doc); err != nil || doc.AccessKeyID == "" || doc.SecretAccessKey == "" {
		return nil, fmt.Errorf("%s does not hold a credential: remove it and start the node to make a new one", path)
	}
	return &RootCredential{doc.AccessKeyID, seal.NewSecret([]byte(doc.SecretAccessKey))}, nil
}

// ensureRootCredential takes the credential from the environment, or from dir,
// or makes one, and keeps it in dir.
func ensureRootCredential(dir string, getenv func(string) string) (*RootCredential, error) {
	id, secret := getenv(EnvRootKeyID), getenv(EnvRootSecret)
	if (id == "") != (secret == "") {
		return nil, fmt.Errorf("set both %s and %s, or neither", EnvRootKeyID, EnvRootSecret)
	}
	if id == "" {
		if _, err := os.Stat(filepath.Join(dir, rootFile)); err == nil {
			return ReadRootCredential(dir)
		}
		made, madeSecret := session.NewAccessKey(session.LongTermPrefix)
		id, secret = made, string(madeSecret.Reveal())
	}
	text, err := json.MarshalIndent(rootDocument{id, secret}, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(dir, rootFile), append(text, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("keep the root credential: %w", err)
	}
	return &RootCredential{id, seal.NewSecret([]byte(secret))}, nil
}
