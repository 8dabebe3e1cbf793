package door

import "context"

type withinPlatform struct{}

// WithinPlatform marks the context of a connection that never leaves this
// process, such as one from a cell to the platform's endpoint in it, and says
// whose it is: the ARN of the function that runs in the cell. The transport is
// as secure as TLS would make it (aws:SecureTransport). The address it seems to
// come from is of the caller's choosing, so that aws:SourceIp is absent and the
// audit log names from instead.
func WithinPlatform(ctx context.Context, from string) context.Context {
	return context.WithValue(ctx, withinPlatform{}, from)
}

// cellOf is whose connection a request came by, if it never left the process.
func cellOf(ctx context.Context) (from string, within bool) {
	from, within = ctx.Value(withinPlatform{}).(string)
	return from, within
}
