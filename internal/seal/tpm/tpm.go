// Package tpm keeps a node's root key sealed by the machine's TPM 2.0: what is
// written into root.json can be opened by that TPM only, so a disk or a backup
// that is carried away opens nothing. It does not bind the key to what was
// booted (no PCR policy): whoever is root on the machine itself can use it.
package tpm

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"

	"cloister/internal/seal"
)

// DefaultDevice is the kernel's resource manager, which lets programs share a TPM.
const DefaultDevice = "/dev/tpmrm0"

// Custody keeps the root key by the TPM behind Device: a character device, or
// the socket of a software TPM.
type Custody struct{ Device string }

// kept is what root.json holds: an object that this TPM made under its storage
// root key (TCG, TPM 2.0 Library, part 1, chapter 27), and that key's name.
type kept struct {
	Parent  []byte `json:"parent"`
	Public  []byte `json:"public"`
	Private []byte `json:"private"`
}

const rootKeySize = 32

// Name implements [seal.Custody].
func (Custody) Name() string { return "tpm" }

// Make implements [seal.Custody].
func (c Custody) Make() (root seal.Secret, text json.RawMessage, err error) {
	err = c.withStorageKey(func(t transport.TPM, parent *tpm2.CreatePrimaryResponse) error {
		key := make([]byte, rootKeySize)
		_, _ = rand.Read(key) // never fails
		auth, err := session(parent, tpm2.AESEncryption(128, tpm2.EncryptIn))
		if err != nil {
			return err
		}
		made, err := tpm2.Create{
			ParentHandle: tpm2.AuthHandle{Handle: parent.ObjectHandle, Name: parent.Name, Auth: auth},
			InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
				Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: key}),
			}},
			InPublic: tpm2.New2B(sealedObject),
		}.Execute(t)
		if err != nil {
			return fmt.Errorf("seal a key: %w", err)
		}
		root = seal.NewSecret(key)
		text, err = json.Marshal(kept{parent.Name.Buffer, tpm2.Marshal(made.OutPublic), tpm2.Marshal(made.OutPrivate)})
		return err
	})
	return root, text, err
}

// sealedObject is data that only this TPM opens, and only under this parent.
// Its authorisation is empty, so that guessing it is no attack to lock out for.
var sealedObject = tpm2.TPMTPublic{
	Type:    tpm2.TPMAlgKeyedHash,
	NameAlg: tpm2.TPMAlgSHA256,
	ObjectAttributes: tpm2.TPMAObject{
		FixedTPM: true, FixedParent: true, UserWithAuth: true, NoDA: true,
	},
}

var errOtherTPM = errors.New("root.json was sealed by another TPM, or this one was cleared: start on the machine that it was made on, or restore from a backup whose root key you hold")

// Root implements [seal.Custody].
func (c Custody) Root(text json.RawMessage) (root seal.Secret, err error) {
	public, private, name, err := parse(text)
	if err != nil {
		return root, fmt.Errorf("root.json is damaged (%w): restore it from a backup", err)
	}
	err = c.withStorageKey(func(t transport.TPM, parent *tpm2.CreatePrimaryResponse) error {
		// The name is a digest of the key that the session is salted with: an
		// interposer on the TPM's bus, with a key of its own, is not taken for the TPM.
		if !bytes.Equal(parent.Name.Buffer, name) {
			return errOtherTPM
		}
		key, err := unseal(t, parent, public, private)
		root = seal.NewSecret(key)
		return err
	})
	return root, err
}

func parse(text json.RawMessage) (*tpm2.TPM2BPublic, *tpm2.TPM2BPrivate, []byte, error) {
	var k kept
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		return nil, nil, nil, err
	}
	public, err := tpm2.Unmarshal[tpm2.TPM2BPublic](k.Public)
	if err != nil {
		return nil, nil, nil, err
	}
	private, err := tpm2.Unmarshal[tpm2.TPM2BPrivate](k.Private)
	return public, private, k.Parent, err
}

func unseal(t transport.TPM, parent *tpm2.CreatePrimaryResponse, public *tpm2.TPM2BPublic, private *tpm2.TPM2BPrivate) ([]byte, error) {
	object, err := tpm2.Load{
		ParentHandle: tpm2.AuthHandle{Handle: parent.ObjectHandle, Name: parent.Name, Auth: tpm2.PasswordAuth(nil)},
		InPrivate:    *private,
		InPublic:     *public,
	}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errOtherTPM, err)
	}
	defer flush(t, object.ObjectHandle)
	auth, err := session(parent, tpm2.AESEncryption(128, tpm2.EncryptOut))
	if err != nil {
		return nil, err
	}
	opened, err := tpm2.Unseal{
		ItemHandle: tpm2.AuthHandle{Handle: object.ObjectHandle, Name: object.Name, Auth: auth},
	}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("unseal the root key: %w", err)
	}
	return opened.OutData.Buffer, nil
}

// session encrypts what crosses the TPM's bus, under a secret that only the
// holder of the storage root key can read.
func session(parent *tpm2.CreatePrimaryResponse, encryption tpm2.AuthOption) (tpm2.Session, error) {
	public, err := parent.OutPublic.Contents()
	if err != nil {
		return nil, fmt.Errorf("read the TPM's storage root key: %w", err)
	}
	return tpm2.HMAC(tpm2.TPMAlgSHA256, 16, tpm2.Salted(parent.ObjectHandle, *public), encryption), nil
}

// withStorageKey opens the TPM and derives its storage root key, which is the
// same every time until the TPM is cleared.
func (c Custody) withStorageKey(use func(transport.TPM, *tpm2.CreatePrimaryResponse) error) error {
	t, err := c.open()
	if err != nil {
		return fmt.Errorf("open the TPM %s: %w; does this machine have one, and may this user use it?", c.Device, err)
	}
	defer func() { _ = t.Close() }()
	parent, err := tpm2.CreatePrimary{
		PrimaryHandle: tpm2.TPMRHOwner,
		InPublic:      tpm2.New2B(tpm2.ECCSRKTemplate),
	}.Execute(t)
	if err != nil {
		return fmt.Errorf("derive the TPM's storage root key: %w; is its owner hierarchy open, without a password?", err)
	}
	defer flush(t, parent.ObjectHandle)
	return use(t, parent)
}

func (c Custody) open() (transport.TPMCloser, error) {
	info, err := os.Stat(c.Device)
	if err == nil && info.Mode()&os.ModeSocket != 0 {
		return linuxudstpm.Open(c.Device)
	}
	return linuxtpm.Open(c.Device)
}

// flush frees the TPM's little memory. What stays is freed when it is closed.
func flush(t transport.TPM, handle tpm2.TPMHandle) {
	_, _ = tpm2.FlushContext{FlushHandle: handle}.Execute(t)
}
