package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"cloister/internal/seal"
	"cloister/internal/seal/keyservice"
	"cloister/internal/seal/tpm"
)

// rootKey is the flags that say where the root key is kept.
type rootKey struct {
	prefix                                string // of the flags: "root-key-" or "to-"
	passphraseFile, tpm, kms, kmsEndpoint string
}

// flags adds the flags to a command.
func (k *rootKey) flags(cmd *cobra.Command, prefix string) {
	k.prefix = prefix
	f := cmd.Flags()
	f.StringVar(&k.passphraseFile, prefix+"passphrase-file", "", "keep the root key by the passphrase in this file")
	f.StringVar(&k.tpm, prefix+"tpm", "", "keep the root key by this machine's TPM")
	f.Lookup(prefix + "tpm").NoOptDefVal = tpm.DefaultDevice
	f.StringVar(&k.kms, prefix+"kms", "", "keep the root key by this key (ARN) of a key service; AWS_ACCESS_KEY_ID and so on say who asks")
	f.StringVar(&k.kmsEndpoint, prefix+"kms-endpoint", "", "the key service, if it is not AWS's; AWS_CA_BUNDLE names its CA")
}

// custody is what the flags say, and nil when they say nothing.
func (k *rootKey) custody() (seal.Custody, error) {
	var named []seal.Custody
	if k.passphraseFile != "" {
		named = append(named, seal.PassphraseCustody{File: k.passphraseFile})
	}
	if k.tpm != "" {
		named = append(named, tpm.Custody{Device: k.tpm})
	}
	if k.kms != "" {
		service, err := k.keyService()
		if err != nil {
			return nil, err
		}
		named = append(named, service)
	}
	switch {
	case k.kms == "" && k.kmsEndpoint != "":
		return nil, usageError{errors.New("--" + k.prefix + "kms-endpoint goes with --" + k.prefix + "kms")}
	case len(named) > 1:
		return nil, usageError{errors.New("the root key has one keeper: give one of the --" + k.prefix + strings.Join([]string{"passphrase-file", "tpm", "kms"}, ", --"+k.prefix) + " flags")}
	case len(named) == 0:
		return nil, nil
	}
	return named[0], nil
}

func (k *rootKey) keyService() (*keyservice.Custody, error) {
	client, err := environmentClient()
	if err != nil {
		return nil, err
	}
	caller, _ := environmentCaller()
	service := &keyservice.Custody{Key: k.kms, Endpoint: k.kmsEndpoint, Caller: caller, Client: client}
	return service, service.Check()
}

// asFlags are the flags that cloister up takes for the same keeper.
func (k *rootKey) asFlags() string {
	switch {
	case k.passphraseFile != "":
		return " --root-key-passphrase-file " + k.passphraseFile
	case k.tpm == tpm.DefaultDevice:
		return " --root-key-tpm"
	case k.tpm != "":
		return " --root-key-tpm=" + k.tpm
	case k.kmsEndpoint != "":
		return " --root-key-kms " + k.kms + " --root-key-kms-endpoint " + k.kmsEndpoint
	case k.kms != "":
		return " --root-key-kms " + k.kms
	}
	return ""
}
