package kms

import "slices"

// What keys are for.
const (
	forEncryption = "ENCRYPT_DECRYPT"
	forSignatures = "SIGN_VERIFY"
	forMACs       = "GENERATE_VERIFY_MAC"
	forAgreement  = "KEY_AGREEMENT"
)

const symmetric = "SYMMETRIC_DEFAULT"

// spec is a kind of keys. The tables are AWS's
// (https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html).
type spec struct {
	usages     []string
	encryption []string
	signing    []string
	macs       []string
	agreement  []string
}

var (
	ofRSA = spec{
		usages:     []string{forEncryption, forSignatures},
		encryption: []string{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"},
		signing: []string{
			"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
			"RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
		},
	}
	specs = map[string]spec{
		symmetric:               {usages: []string{forEncryption}, encryption: []string{symmetric}},
		"HMAC_224":              ofMAC("HMAC_SHA_224"),
		"HMAC_256":              ofMAC("HMAC_SHA_256"),
		"HMAC_384":              ofMAC("HMAC_SHA_384"),
		"HMAC_512":              ofMAC("HMAC_SHA_512"),
		"RSA_2048":              ofRSA,
		"RSA_3072":              ofRSA,
		"RSA_4096":              ofRSA,
		"ECC_NIST_P256":         ofCurve("ECDSA_SHA_256"),
		"ECC_NIST_P384":         ofCurve("ECDSA_SHA_384"),
		"ECC_NIST_P521":         ofCurve("ECDSA_SHA_512"),
		"ECC_SECG_P256K1":       {usages: []string{forSignatures}, signing: []string{"ECDSA_SHA_256"}},
		"ECC_NIST_EDWARDS25519": {usages: []string{forSignatures}, signing: []string{"ED25519_SHA_512", "ED25519_PH_SHA_512"}},
	}
)

func ofMAC(algorithm string) spec { return spec{usages: []string{forMACs}, macs: []string{algorithm}} }

func ofCurve(algorithm string) spec {
	return spec{usages: []string{forSignatures, forAgreement}, signing: []string{algorithm}, agreement: []string{"ECDH"}}
}

// chooseSpec is the kind and the usage of the key that a request asks for.
func chooseSpec(name, usage string) (string, string, error) {
	s, ok := specs[name]
	if !ok {
		return "", "", unsupported("This node does not offer keys of the spec %s.", name)
	}
	if usage == "" {
		if name != symmetric {
			return "", "", invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
		}
		usage = forEncryption
	}
	if !slices.Contains(s.usages, usage) {
		return "", "", invalid("KeyUsage %s is not compatible with KeySpec %s", usage, name)
	}
	return name, usage, nil
}

// algorithms are those that a key of this spec has for its usage.
func (k *keyRow) algorithms() []string {
	s := specs[k.Spec]
	switch k.Usage {
	case forEncryption:
		return s.encryption
	case forSignatures:
		return s.signing
	case forMACs:
		return s.macs
	}
	return s.agreement
}
