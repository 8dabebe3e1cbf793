package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"cloister/internal/node"
)

func newUp(o *options) *cobra.Command {
	config := node.Config{Getenv: os.Getenv}
	var keeper rootKey
	var allowed outgoing
	verbose := false
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a node",
		Long: `Start a node and serve until SIGTERM or Ctrl-C, which drain it. When it can
serve it prints one line, "ready URL". The first start makes the data directory,
its keys, a local CA and the root credential of account ` + node.Account + `.`,
		Example: `  cloister up
  cloister up --data ./data --listen 127.0.0.1:0
  cloister up --root-key-tpm
  cloister up --allow-outgoing idp.corp.example:8443 --allow-outgoing 10.20.0.0/16
  cloister up --listen 0.0.0.0:443 --domain example.org --tls-cert cert.pem --tls-key key.pem
  cloister up --listen 0.0.0.0:443 --domain example.org --acme --acme-email ops@example.org
  cloister up --store postgres://cloister@/cloister?host=/run/postgresql`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if config.Custody, err = keeper.custody(); err != nil {
				return err
			}
			config.Dir, config.AllowOutgoing = o.dir, allowed
			setLogging(verbose)
			return up(cmd, config)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&config.Listen, "listen", node.DefaultListen, "address to listen on; port 0 takes a free one")
	flags.BoolVar(&config.Plaintext, "plaintext", false, "serve HTTP instead of HTTPS, on loopback only")
	keeper.flags(cmd, "root-key-")
	flags.StringVar(&config.Store, "store", "", "keep state in PostgreSQL (postgres://…) instead of the data directory")
	flags.BoolVar(&config.AcceptLostKeys, "accept-lost-keys", false, "start although the folder wrapping/ of this store is gone for good: what is under its keys is lost (docs/erasure.md)")
	flags.StringVar(&config.Region, "region", node.DefaultRegion, "the node's region")
	flags.StringVar(&config.SMTP, "smtp", "", "send mails by this server: smtps://[USER@]HOST?from=ADDRESS, its password in SMTP_PASSWORD (default: keep them for cloister outbox)")
	flags.StringVar(&config.PublicURL, "public-url", "", "where the node is reached from outside (https://…): tokens of user pools name it as their issuer")
	flags.StringVar(&config.Domain, "domain", "", "serve APIs, URLs and sign-in pages below this name, too: API.execute-api.DOMAIN, … (see docs/tls.md)")
	flags.StringVar(&config.TLSCert, "tls-cert", "", "certificates for other names than localhost, a PEM file, read anew when it changes")
	flags.StringVar(&config.TLSKey, "tls-key", "", "the key of --tls-cert, a PEM file")
	flags.BoolVar(&config.ACME, "acme", false, "get certificates for --domain and users' domains from Let's Encrypt, whose terms you accept; clients must reach the node at port 443")
	flags.StringVar(&config.ACMEDirectory, "acme-directory", "", "another authority that speaks ACME: the URL of its directory")
	flags.StringVar(&config.ACMECA, "acme-ca", "", "whom to trust at --acme-directory, a PEM file (default: the system's authorities)")
	flags.StringVar(&config.ACMEEmail, "acme-email", "", "whom the authority may write to")
	flags.IntVar(&config.ClientRate, "client-rate", node.DefaultClientRate, "requests a second from one address, twice as many at once, half of it to one API or URL; 0: no limit (see docs/abuse.md)")
	flags.Var(&allowed, "allow-outgoing", "connect there, too: an address, range or host beside the public internet (repeatable)")
	flags.BoolVar(&verbose, "verbose", false, "log more")
	return cmd
}

func setLogging(verbose bool) {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
}

func up(cmd *cobra.Command, config node.Config) error {
	ctx := cmd.Context()
	n, err := node.Start(ctx, config)
	if err != nil {
		return err
	}
	states, err := n.Posture(ctx)
	if err != nil {
		return errors.Join(err, n.Stop())
	}
	if err := printPosture(cmd.ErrOrStderr(), postureOf(states)); err != nil {
		return errors.Join(err, n.Stop())
	}
	printOutgoing(cmd.ErrOrStderr(), config.AllowOutgoing)
	open, err := n.WithInternet(ctx)
	if err != nil {
		return errors.Join(err, n.Stop())
	}
	for _, arn := range open {
		fmt.Fprintf(cmd.ErrOrStderr(), "posture: %s reaches the public internet, by its tag cloister:egress\n", arn)
	}
	fmt.Fprintln(cmd.OutOrStdout(), "ready", n.URL())
	<-ctx.Done()
	slog.Info("draining")
	return n.Stop()
}
