package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"cloister/internal/awsapi/platform"
)

// outboxMessages is platform.ListOutboxMessagesResponse as it comes by the wire.
type outboxMessages struct {
	Messages []struct {
		Created                            wireTime
		Source, Channel, To, Subject, Body string
	}
}

func newOutbox(o *options) *cobra.Command {
	most := int64(20)
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "Read the messages that the node has for people: codes and invitations",
		Long: `Read the messages that the node has for people, the newest first. Without a mail
server (up --smtp) mails stay here, and text messages stay in any case, for a week.
They hold codes and temporary passwords: the permission is
cloister:ListOutboxMessages, and each reading is in the audit log.`,
		Example: `  cloister outbox
  cloister outbox --most 1 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := o.place()
			if err != nil {
				return err
			}
			var all outboxMessages
			if err := callPlatform(cmd.Context(), at, platform.OpListOutboxMessages, &platform.ListOutboxMessagesRequest{MaxResults: &most}, &all); err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd.OutOrStdout(), all.Messages)
			}
			for _, m := range all.Messages {
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %s to %q", m.Created.Format("2006-01-02 15:04:05Z"), m.Channel, m.To)
				if m.Subject != "" {
					fmt.Fprintf(cmd.OutOrStdout(), "  %q", m.Subject)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "\n    %q\n", m.Body)
			}
			return nil
		},
	}
	cmd.Flags().Int64Var(&most, "most", most, "how many at most")
	return cmd
}
