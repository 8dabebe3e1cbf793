package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/platform"
	"cloister/internal/node"
	"cloister/internal/seal"
)

// sealStatus is platform.SealStatus as it comes by the wire.
type sealStatus struct {
	Custody     string
	RootKeyMade wireTime
	Generations []struct {
		ID   int64
		Made wireTime
	}
	FIPS bool
}

func newSeal(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "See, rotate and move the keys that everything at rest is sealed under",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSealStatus(o), newSealRotate(o), newSealMove(o))
	return cmd
}

func newSealStatus(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say who keeps the root key and how old the keys are",
		Example: `  cloister seal status
  cloister seal status --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return askSeal(cmd, o, platform.OpGetSealStatus, &platform.GetSealStatusRequest{})
		},
	}
}

func newSealRotate(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Replace the root key and begin a new generation of data keys, while the node runs",
		Long: `Replace the root key of a running node by a new one in the same custody, and begin
a new generation of data keys for what is written from now on. The old root key
opens nothing that the directory holds from then on. What was written before stays
sealed under its generation's key: who copied both the old root key and the old
keyring can still open that.`,
		Example: `  cloister seal rotate
  cloister seal rotate --data /var/lib/cloister`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return askSeal(cmd, o, platform.OpRotateSeal, &platform.RotateSealRequest{})
		},
	}
}

func askSeal[In any](cmd *cobra.Command, o *options, op awsapi.Op[In, platform.SealStatus], in *In) error {
	at, err := o.place()
	if err != nil {
		return err
	}
	var status sealStatus
	if err := callPlatform(cmd.Context(), at, op, in, &status); err != nil {
		return err
	}
	if o.json {
		return printJSON(cmd.OutOrStdout(), status)
	}
	printSeal(cmd.OutOrStdout(), &status)
	return nil
}

func printSeal(w io.Writer, s *sealStatus) {
	fmt.Fprintf(w, "root key: kept by %s, made %s\n", keepers[s.Custody], s.RootKeyMade.Format("2006-01-02 15:04:05Z"))
	for i, g := range s.Generations {
		use := "opens what was written under it"
		if i == len(s.Generations)-1 {
			use = "seals what is written now"
		}
		fmt.Fprintf(w, "data key %d: made %s, %s\n", g.ID, g.Made.Format("2006-01-02 15:04:05Z"), use)
	}
	if s.FIPS {
		fmt.Fprintln(w, "cryptography: Go's FIPS 140-3 module")
	}
}

var keepers = map[string]string{
	"file": "root.json in the data directory", "passphrase": "a passphrase", "tpm": "this machine's TPM", "kms": "a key service",
}

func newSealMove(o *options) *cobra.Command {
	var from, to rootKey
	toFile := false
	cmd := &cobra.Command{
		Use:   "move",
		Short: "Give a stopped node a new root key in another custody",
		Long: `Make a new root key for a stopped node and give it to another keeper: a passphrase,
this machine's TPM, a key service, or the file root.json. The --root-key flags say
who keeps the present one, as for cloister up.`,
		Example: `  cloister seal move --to-tpm
  cloister seal move --root-key-tpm --to-passphrase-file ./passphrase
  cloister seal move --to-kms arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			old, err := from.custody()
			if err != nil {
				return err
			}
			new, err := to.custody()
			if err != nil {
				return err
			}
			switch {
			case new == nil && !toFile:
				return usageError{errors.New("say who is to keep the root key: give one of --to-passphrase-file, --to-tpm, --to-kms and --to-file")}
			case new != nil && toFile:
				return usageError{errors.New("the root key has one keeper: leave out --to-file or the other one")}
			case new == nil:
				new = seal.FileCustody{}
			}
			status, err := node.MoveRootKey(o.dir, old, new)
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "root key: kept by %s\nstart the node with: cloister up%s\n", keepers[status.Custody], to.asFlags())
			}
			return err
		},
	}
	from.flags(cmd, "root-key-")
	to.flags(cmd, "to-")
	cmd.Flags().BoolVar(&toFile, "to-file", false, "keep the root key in the file root.json")
	return cmd
}
