package kms

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/tink-crypto/tink-go/v2/kwp/subtle"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

func (s *Service) registerImport(d *door.Door) {
	door.Act(d, api.OpGetParametersForImport, onKey(s, "GetParametersForImport", func(in *api.GetParametersForImportRequest) *string { return in.KeyId },
		func(in *api.GetParametersForImportRequest) policy.MapContext {
			return policy.MapContext{"kms:wrappingalgorithm": {val(in.WrappingAlgorithm)}, "kms:wrappingkeyspec": {val(in.WrappingKeySpec)}}
		}), s.parametersForImport)
	door.Act(d, api.OpImportKeyMaterial, onKey(s, "ImportKeyMaterial", func(in *api.ImportKeyMaterialRequest) *string { return in.KeyId },
		func(in *api.ImportKeyMaterialRequest) policy.MapContext {
			context := asked("kms:expirationmodel", or(in.ExpirationModel, expires))
			if in.ValidTo != nil {
				context["kms:validto"] = []string{in.ValidTo.UTC().Format(time.RFC3339)}
			}
			return context
		}), s.importMaterial)
	door.Write(d, api.OpDeleteImportedKeyMaterial, onKey(s, "DeleteImportedKeyMaterial", func(in *api.DeleteImportedKeyMaterialRequest) *string { return in.KeyId }), s.deleteMaterial)
}

const (
	expires       = "KEY_MATERIAL_EXPIRES"
	doesNotExpire = "KEY_MATERIAL_DOES_NOT_EXPIRE"

	tokenLife   = 24 * time.Hour
	longestLife = 365 * 24 * time.Hour // of imported material that expires
)

// wrappings are the ways to wrap material that is imported: under a public key
// (RFC 8017, 7.1), or under an AES key (RFC 5649) that itself is.
var wrappings = map[string]struct {
	hash string // as oaep names it
	aes  bool
}{
	"RSAES_OAEP_SHA_1":         {"RSAES_OAEP_SHA_1", false},
	"RSAES_OAEP_SHA_256":       {"RSAES_OAEP_SHA_256", false},
	"RSA_AES_KEY_WRAP_SHA_1":   {"RSAES_OAEP_SHA_1", true},
	"RSA_AES_KEY_WRAP_SHA_256": {"RSAES_OAEP_SHA_256", true},
}

// importToken is what an import token holds, sealed: the private half of the
// wrapping key, so that nothing of it needs to be kept.
type importToken struct {
	Key       string // ARN
	Algorithm string
	Private   []byte // PKCS #8
	Expires   time.Time
}

const importTable = "kms import token"

// importable is the key that a request names, if material can be imported.
func importable(c *door.Call, r store.Reader, given *string) (*keyRow, error) {
	row, err := living(c, r, given)
	if err == nil && row.Origin != external {
		return nil, unsupported("%s origin is %s which is not valid for this operation.", row.arn(), row.Origin)
	}
	return row, err
}

func (s *Service) parametersForImport(c *door.Call, in *api.GetParametersForImportRequest) (*api.GetParametersForImportResponse, error) {
	var row *keyRow
	err := c.View(func(r store.Reader) (err error) {
		row, err = importable(c, r, in.KeyId)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := row.takesWrapping(*in.WrappingAlgorithm, *in.WrappingKeySpec); err != nil {
		return nil, err
	}
	private, err := rsa.GenerateKey(rand.Reader, rsaBits[*in.WrappingKeySpec])
	if err != nil {
		return nil, err
	}
	token := importToken{Key: row.arn(), Algorithm: *in.WrappingAlgorithm, Expires: c.Time.Add(tokenLife)}
	if token.Private, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(token)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return &api.GetParametersForImportResponse{
		KeyId: ptr(row.arn()), ImportToken: s.seals.Seal(importTable, []byte(row.arn()), plain), PublicKey: public, ParametersValidTo: &token.Expires,
	}, nil
}

// takesWrapping refuses a way of wrapping that does not do for the key's
// material: a private RSA key is longer than what a public key encrypts.
func (k *keyRow) takesWrapping(algorithm, spec string) error {
	w, ok := wrappings[algorithm]
	if !ok || rsaBits[spec] == 0 {
		return unsupported("This node does not wrap key material with %s under a key of the spec %s.", algorithm, spec)
	}
	if rsaBits[k.Spec] > 0 && !w.aes {
		return invalid("Key material of the spec %s is wrapped with RSA_AES_KEY_WRAP_SHA_1 or RSA_AES_KEY_WRAP_SHA_256.", k.Spec)
	}
	return nil
}

// openToken reads an import token, which is good for its key alone.
func (s *Service) openToken(c *door.Call, row *keyRow, sealed []byte) (*importToken, error) {
	plain, err := s.seals.Open(importTable, []byte(row.arn()), sealed)
	if err != nil {
		return nil, fail("InvalidImportTokenException", "The import token is not valid for %s.", row.arn())
	}
	defer clear(plain)
	token := new(importToken)
	if err := json.Unmarshal(plain, token); err != nil {
		return nil, err
	}
	if !c.Time.Before(token.Expires) {
		return nil, fail("ExpiredImportTokenException", "The import token is expired: call GetParametersForImport again.")
	}
	return token, nil
}

// unwrap gives the material that was wrapped. All that can be wrong is one error.
func (t *importToken) unwrap(wrapped []byte) ([]byte, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(t.Private)
	if err != nil {
		return nil, err
	}
	private, w := parsed.(*rsa.PrivateKey), wrappings[t.Algorithm]
	if !w.aes {
		return openOAEP(private, w.hash, wrapped)
	}
	if len(wrapped) < private.Size() {
		return nil, badCiphertext()
	}
	key, err := openOAEP(private, w.hash, wrapped[:private.Size()])
	if err != nil || len(key) != 32 {
		return nil, badCiphertext()
	}
	defer clear(key)
	return unwrapAES(key, wrapped[private.Size():])
}

// unwrapAES is AES key wrap with padding (RFC 5649, NIST SP 800-38F).
func unwrapAES(key, wrapped []byte) ([]byte, error) {
	kwp, err := subtle.NewKWP(key)
	if err != nil {
		return nil, badCiphertext()
	}
	raw, err := kwp.Unwrap(wrapped)
	if err != nil {
		return nil, badCiphertext()
	}
	return raw, nil
}

func (s *Service) importMaterial(c *door.Call, in *api.ImportKeyMaterialRequest) (*api.ImportKeyMaterialResponse, error) {
	var row *keyRow
	err := c.View(func(r store.Reader) (err error) {
		row, err = importable(c, r, in.KeyId)
		return err
	})
	if err != nil {
		return nil, err
	}
	if val(in.ImportType) == "NEW_KEY_MATERIAL" || in.KeyMaterialDescription != nil {
		return nil, unsupported("This node keeps one material for a key with the origin EXTERNAL: leave out ImportType and KeyMaterialDescription.")
	}
	validTo, err := validity(c, in)
	if err != nil {
		return nil, err
	}
	token, err := s.openToken(c, row, in.ImportToken)
	if err != nil {
		return nil, err
	}
	raw, err := token.unwrap(in.EncryptedKeyMaterial)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	if _, err := parseMaterial(row.Spec, raw); err != nil {
		return nil, fail("IncorrectKeyMaterialException", "The key material is not valid for the key spec %s.", row.Spec)
	}
	id := s.importedID(row, raw)
	if in.KeyMaterialId != nil && *in.KeyMaterialId != id {
		return nil, wrongMaterial()
	}
	made, err := s.vault.wrap(c, row.id(), id, raw)
	if err != nil {
		return nil, err
	}
	err = c.Commit(func(tx *store.Tx) error {
		fresh, err := importable(c, tx, in.KeyId)
		if err != nil {
			return err
		}
		return fresh.takeMaterial(tx, made, version{ID: id, Date: c.Time}, validTo)
	})
	if err != nil {
		if refused(err) {
			s.vault.discard(made)
		}
		return nil, err
	}
	return &api.ImportKeyMaterialResponse{KeyId: ptr(row.arn()), KeyMaterialId: &id}, nil
}

func wrongMaterial() error {
	return fail("IncorrectKeyMaterialException", "The key material is not the one that was imported into this key before.")
}

// importedID names material by what it is, so that it is known again, and says
// nothing about it to who lacks the node's keys.
func (s *Service) importedID(row *keyRow, raw []byte) string {
	sum := s.seals.MAC("kms imported material", append([]byte(row.Account+" "+row.ID+" "), raw...))
	return hex.EncodeToString(sum[:])
}

// validity is when the material ceases to be there; zero for never.
func validity(c *door.Call, in *api.ImportKeyMaterialRequest) (time.Time, error) {
	if or(in.ExpirationModel, expires) == doesNotExpire {
		if in.ValidTo != nil {
			return time.Time{}, invalid("ValidTo is for the expiration model %s only.", expires)
		}
		return time.Time{}, nil
	}
	if in.ValidTo == nil {
		return time.Time{}, invalid("A validTo date must be set if the ExpirationModel is %s", expires)
	}
	if at := *in.ValidTo; !at.After(c.Time) || at.After(c.Time.Add(longestLife)) {
		return time.Time{}, invalid("ValidTo must be in the future, and at most 365 days from now.")
	}
	return *in.ValidTo, nil
}

// takeMaterial gives the key imported material. Where it is there already only
// its time changes, and it is wrapped anew.
func (k *keyRow) takeMaterial(tx *store.Tx, made *materialRow, v version, validTo time.Time) error {
	if k.Imported != "" && k.Imported != v.ID {
		return wrongMaterial()
	}
	if err := k.eraseMaterial(tx); err != nil {
		return err
	}
	k.Imported, k.Versions, k.ValidTo = v.ID, []version{v}, validTo
	if k.State == pendingImport {
		k.State = enabled
	}
	if err := materials.Put(tx, k.id().key(v.ID), made); err != nil {
		return err
	}
	return k.save(tx)
}

func (s *Service) deleteMaterial(c *door.Call, tx *store.Tx, in *api.DeleteImportedKeyMaterialRequest) (*awsapi.None, error) {
	row, err := ownRow(c, tx, in.KeyId)
	switch {
	case err != nil:
		return nil, err
	case row.Origin != external:
		return nil, unsupported("%s origin is %s which is not valid for this operation.", row.arn(), row.Origin)
	case in.KeyMaterialId != nil && *in.KeyMaterialId != row.Imported:
		return nil, fail("NotFoundException", "The key has no such key material.")
	}
	return none, row.dropMaterial(tx)
}

// dropMaterial gives up imported material: it can be imported again.
func (k *keyRow) dropMaterial(tx *store.Tx) error {
	if err := k.eraseMaterial(tx); err != nil {
		return err
	}
	k.ValidTo = time.Time{}
	if !k.dying() {
		k.State = pendingImport
	}
	return k.save(tx)
}
