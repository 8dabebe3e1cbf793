package node

import (
	"crypto/hmac"
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
	// Seal is a MAC under the root key: whoever can write files but does not
	// hold the key cannot make a root credential.
	Seal []byte `json:"Seal"`
}

func (d *rootDocument) mac(keys *seal.Keyring) []byte {
	mac := keys.MAC("root credential", []byte(d.AccessKeyID+"\x00"+d.SecretAccessKey))
	return mac[:]
}

// ReadRootCredential reads the root credential of the node on dir. The file is
// the one place where a secret lies in the clear, with mode 0600, because it is
// how its owner gets in.
func ReadRootCredential(dir string) (*RootCredential, error) {
	doc, err := readRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no node was ever started on %s: run cloister up --data %s", dir, dir)
	}
	if err != nil {
		return nil, err
	}
	return doc.credential(), nil
}

func (d *rootDocument) credential() *RootCredential {
	return &RootCredential{d.AccessKeyID, seal.NewSecret([]byte(d.SecretAccessKey))}
}

func readRoot(dir string) (*rootDocument, error) {
	path := filepath.Join(dir, rootFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		return nil, errors.Join(err, fmt.Errorf("others can read the root credential: run chmod 600 %s, and set a new one with %s and %s", path, EnvRootKeyID, EnvRootSecret))
	}
	var doc rootDocument
	if err := json.Unmarshal(text, &doc); err != nil || doc.AccessKeyID == "" || doc.SecretAccessKey == "" {
		return nil, fmt.Errorf("%s does not hold a credential: remove it and start the node to make a new one", path)
	}
	return &doc, nil
}

// ensureRootCredential takes the credential from the environment, or from dir,
// or makes one, and keeps it in dir. changed reports that dir had another one.
func ensureRootCredential(dir string, keys *seal.Keyring, getenv func(string) string) (root *RootCredential, changed bool, err error) {
	id, secret := getenv(EnvRootKeyID), getenv(EnvRootSecret)
	if (id == "") != (secret == "") {
		return nil, false, fmt.Errorf("set both %s and %s, or neither", EnvRootKeyID, EnvRootSecret)
	}
	kept, err := readRoot(dir)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case id != "":
		doc := &rootDocument{AccessKeyID: id, SecretAccessKey: secret}
		changed = kept != nil && !hmac.Equal(kept.mac(keys), doc.mac(keys))
		return doc.credential(), changed, doc.keep(dir, keys)
	case missing:
		id, secret := session.NewAccessKey(session.LongTermPrefix)
		doc := &rootDocument{AccessKeyID: id, SecretAccessKey: string(secret.Reveal())}
		return doc.credential(), false, doc.keep(dir, keys)
	case err != nil:
		return nil, false, err
	case !hmac.Equal(kept.Seal, kept.mac(keys)):
		return nil, false, fmt.Errorf("%s is not what this node wrote: somebody changed the root credential; restore the file, or set a new one with %s and %s", filepath.Join(dir, rootFile), EnvRootKeyID, EnvRootSecret)
	}
	return kept.credential(), false, nil
}

func (d *rootDocument) keep(dir string, keys *seal.Keyring) error {
	d.Seal = d.mac(keys)
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, rootFile), append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep the root credential: %w", err)
	}
	return nil
}
