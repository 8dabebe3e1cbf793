package kms

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // for RSAES_OAEP_SHA_1, as AWS has it
	_ "crypto/sha256"

	"cloister/internal/door"
)

// oaep are the hashes of the RSA encryption algorithms (RFC 8017, section 7.1).
var oaep = map[string]crypto.Hash{"RSAES_OAEP_SHA_1": crypto.SHA1, "RSAES_OAEP_SHA_256": crypto.SHA256}

// takes refuses a plaintext that is too long for the key.
func (k *key) takes(algorithm string, size int) error {
	hash, ok := oaep[algorithm]
	if !ok {
		return nil
	}
	if most := rsaBits[k.Spec]/8 - 2*hash.Size() - 2; size > most {
		return invalid("Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", algorithm, k.Spec, most)
	}
	return nil
}

func (s *Service) encryptRSA(c *door.Call, k *key, algorithm string, plaintext []byte) ([]byte, error) {
	private, err := s.privateRSA(c, k)
	if err != nil {
		return nil, err
	}
	return rsa.EncryptOAEP(oaep[algorithm].New(), rand.Reader, &private.PublicKey, plaintext, nil)
}

func (s *Service) decryptRSA(c *door.Call, k *key, algorithm string, blob []byte) ([]byte, error) {
	private, err := s.privateRSA(c, k)
	if err != nil {
		return nil, err
	}
	return openOAEP(private, algorithm, blob)
}

// openOAEP gives one error for all that can be wrong.
func openOAEP(private *rsa.PrivateKey, algorithm string, blob []byte) ([]byte, error) {
	plaintext, err := rsa.DecryptOAEP(oaep[algorithm].New(), nil, private, blob, nil)
	if err != nil {
		return nil, badCiphertext()
	}
	return plaintext, nil
}

func (s *Service) privateRSA(c *door.Call, k *key) (*rsa.PrivateKey, error) {
	m, err := s.material(c, k, k.current())
	if err != nil {
		return nil, unavailable(k, err)
	}
	return m.signer.(*rsa.PrivateKey), nil
}
