package kms

import (
	"strconv"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) encryptCall(c *door.Call, in *api.EncryptRequest) (*api.EncryptResponse, error) {
	k, err := s.usable(c, forEncryption, "Encrypt")
	if err != nil {
		return nil, err
	}
	algorithm, err := k.algorithm(in.EncryptionAlgorithm, symmetric)
	if err != nil {
		return nil, err
	}
	if err := k.takesContext(in.EncryptionContext); err != nil {
		return nil, err
	}
	if err := k.takes(algorithm, len(in.Plaintext)); err != nil {
		return nil, err
	}
	if val(in.DryRun) {
		return nil, dryRun()
	}
	blob, err := s.encryptUnder(c, k, algorithm, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &api.EncryptResponse{CiphertextBlob: blob, KeyId: ptr(k.arn()), EncryptionAlgorithm: &algorithm}, nil
}

// takesContext refuses an encryption context where it could not be kept.
func (k *key) takesContext(context map[string]string) error {
	if len(context) > 0 && k.Spec != symmetric {
		return invalid("An encryption context is for symmetric encryption keys only: leave out EncryptionContext.")
	}
	return nil
}

func (s *Service) encryptUnder(c *door.Call, k *key, algorithm string, plaintext []byte, context map[string]string) ([]byte, error) {
	if algorithm == symmetric {
		return s.encrypt(c, k, plaintext, context)
	}
	return s.encryptRSA(c, k, algorithm, plaintext)
}

func (s *Service) decryptUnder(c *door.Call, k *key, algorithm string, h head, blob []byte, context map[string]string) ([]byte, error) {
	if algorithm == symmetric {
		return s.decrypt(c, k, h, blob, context)
	}
	return s.decryptRSA(c, k, algorithm, blob)
}

// source is a ciphertext to open and what the request says about it.
type source struct {
	action    string
	blob      []byte
	key       *string
	context   map[string]string
	algorithm *string
	tokens    []string

	head head // what the ciphertext says of itself; zero where that is not known
	ok   bool
}

// opening is the permission to open a ciphertext: on the key that the request
// names, or on the one that the ciphertext does.
func (s *Service) opening(c *door.Call, r store.Reader, from *source) (found, door.Need, error) {
	from.head, from.ok = s.parseHead(from.blob)
	u := use{
		action: from.action, key: val(from.key), aliases: true, foreign: true, context: from.context, tokens: from.tokens,
		asked: asked("kms:encryptionalgorithm", or(from.algorithm, symmetric)),
	}
	switch {
	case from.key != nil:
	case !from.ok:
		return found{missing: badCiphertext()}, u.onAnything(c), nil
	default:
		u.key = keyID{from.head.account, c.Region, from.head.keyID}.arn()
	}
	f, need, err := s.need(c, r, &u)
	if f.key == nil && f.missing != nil && from.key == nil {
		f.missing = badCiphertext() // of a key that is gone, or of another region
	}
	return f, need, err
}

// opener is the key that was found for the ciphertext.
func (s *Service) opener(c *door.Call, from *source, doing string) (*key, error) {
	k, err := s.usable(c, forEncryption, doing)
	if isBadCiphertext(err) {
		return nil, s.refuse(from)
	}
	return k, err
}

// open opens the ciphertext under the key that was found.
func (s *Service) open(c *door.Call, k *key, from *source, dry bool) (plaintext []byte, algorithm string, err error) {
	if algorithm, err = k.algorithm(from.algorithm, symmetric); err != nil {
		return nil, "", err
	}
	if err := k.takesContext(from.context); err != nil {
		return nil, "", err
	}
	if algorithm == symmetric {
		if !from.ok {
			return nil, "", s.refuse(from)
		}
		if from.head.keyID != k.ID || from.head.account != k.Account {
			return nil, "", incorrectKey()
		}
	}
	if dry {
		return nil, "", dryRun()
	}
	plaintext, err = s.decryptUnder(c, k, algorithm, from.head, from.blob, from.context)
	return plaintext, algorithm, err
}

func decryptSource(in *api.DecryptRequest) source {
	return source{
		action: "Decrypt", blob: in.CiphertextBlob, key: in.KeyId, context: in.EncryptionContext,
		algorithm: in.EncryptionAlgorithm, tokens: in.GrantTokens,
	}
}

func (s *Service) needsOfDecrypt(c *door.Call, r store.Reader, in *api.DecryptRequest) ([]door.Need, error) {
	from := decryptSource(in)
	f, need, err := s.opening(c, r, &from)
	c.Found = f
	return []door.Need{need}, err
}

func (s *Service) decryptCall(c *door.Call, in *api.DecryptRequest) (*api.DecryptResponse, error) {
	if err := notForEnclaves(in.Recipient); err != nil {
		return nil, err
	}
	from := decryptSource(in)
	k, err := s.opener(c, &from, "Decrypt")
	if err != nil {
		return nil, err
	}
	from.head, from.ok = s.parseHead(from.blob)
	plaintext, algorithm, err := s.open(c, k, &from, val(in.DryRun))
	if err != nil {
		return nil, err
	}
	c.Confide(plaintext)
	out := &api.DecryptResponse{KeyId: ptr(k.arn()), Plaintext: plaintext, EncryptionAlgorithm: &algorithm}
	if algorithm == symmetric {
		out.KeyMaterialId = &from.head.version
	}
	return out, nil
}

func reEncryptSource(in *api.ReEncryptRequest) source {
	return source{
		action: "ReEncryptFrom", blob: in.CiphertextBlob, key: in.SourceKeyId, context: in.SourceEncryptionContext,
		algorithm: in.SourceEncryptionAlgorithm, tokens: in.GrantTokens,
	}
}

// pair is what ReEncrypt found.
type pair struct{ from, to found }

func (s *Service) needsOfReEncrypt(c *door.Call, r store.Reader, in *api.ReEncryptRequest) ([]door.Need, error) {
	from := reEncryptSource(in)
	f, opening, err := s.opening(c, r, &from)
	if err != nil {
		return nil, err
	}
	u := use{
		action: "ReEncryptTo", key: val(in.DestinationKeyId), aliases: true, foreign: true,
		context: in.DestinationEncryptionContext, tokens: in.GrantTokens,
		asked: asked("kms:encryptionalgorithm", or(in.DestinationEncryptionAlgorithm, symmetric)),
	}
	t, sealing, err := s.need(c, r, &u)
	same := strconv.FormatBool(f.key != nil && t.key != nil && f.key.arn() == t.key.arn())
	for _, need := range [...]*door.Need{&opening, &sealing} {
		if need.Context != nil {
			need.Context["kms:reencryptonsamekey"] = []string{same}
		}
	}
	c.Found = pair{f, t}
	return []door.Need{opening, sealing}, err
}

// reEncrypt opens a ciphertext and seals what was in it; the plaintext does not
// leave.
func (s *Service) reEncrypt(c *door.Call, in *api.ReEncryptRequest) (*api.ReEncryptResponse, error) {
	both := c.Found.(pair)
	c.Found = both.from
	from := reEncryptSource(in)
	source, err := s.opener(c, &from, "ReEncrypt")
	if err != nil {
		return nil, err
	}
	c.Found = both.to
	target, err := s.usable(c, forEncryption, "ReEncrypt")
	if err != nil {
		return nil, err
	}
	algorithm, err := target.algorithm(in.DestinationEncryptionAlgorithm, symmetric)
	if err != nil {
		return nil, err
	}
	if err := target.takesContext(in.DestinationEncryptionContext); err != nil {
		return nil, err
	}
	from.head, from.ok = s.parseHead(from.blob)
	plaintext, opened, err := s.open(c, source, &from, val(in.DryRun))
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	if err := target.takes(algorithm, len(plaintext)); err != nil {
		return nil, err
	}
	blob, err := s.encryptUnder(c, target, algorithm, plaintext, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	out := &api.ReEncryptResponse{
		CiphertextBlob: blob, SourceKeyId: ptr(source.arn()), KeyId: ptr(target.arn()),
		SourceEncryptionAlgorithm: &opened, DestinationEncryptionAlgorithm: &algorithm,
	}
	if opened == symmetric {
		out.SourceKeyMaterialId = &from.head.version
	}
	if algorithm == symmetric {
		out.DestinationKeyMaterialId = ptr(target.current())
	}
	return out, nil
}
