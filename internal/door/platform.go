package door

import "context"

type withinPlatform struct{}

// WithinPlatform marks the context of a connection that never leaves this
// process, such as one from a cell to the platform's endpoint in it: the
// transport is as secure as TLS would make it (aws:SecureTransport).
func WithinPlatform(ctx context.Context) context.Context {
	return context.WithValue(ctx, withinPlatform{}, true)
}

func isWithinPlatform(ctx context.Context) bool {
	within, _ := ctx.Value(withinPlatform{}).(bool)
	return within
}
