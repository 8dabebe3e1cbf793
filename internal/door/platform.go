package door

import "context"

type withinPlatform struct{}

// inside is a connection that never leaves this process.
type inside struct {
	from    string
	confide func(secret []byte)
}

// WithinPlatform marks the context of a connection that never leaves this
// process, such as one from a cell to the platform's endpoint in it, and says
// whose it is: the ARN of the function that runs in the cell. The transport is
// as secure as TLS would make it (aws:SecureTransport). The address it seems to
// come from is of the caller's choosing, so that aws:SourceIp is absent and the
// audit log names from instead. confide is told each secret that an answer holds,
// before the answer leaves; it may be nil.
func WithinPlatform(ctx context.Context, from string, confide func(secret []byte)) context.Context {
	return context.WithValue(ctx, withinPlatform{}, inside{from, confide})
}

// cellOf is whose connection a request came by, if it never left the process.
func cellOf(ctx context.Context) (in inside, within bool) {
	in, within = ctx.Value(withinPlatform{}).(inside)
	return in, within
}

// Confide says that the answer to the call holds a secret in plain text: where
// the caller is a function, it is kept out of the function's log. A handler says
// so of what it opened for its caller: a secret's value, a decrypted text, a key.
func (c *Call) Confide(secret []byte) {
	if c.confide != nil {
		c.confide(secret)
	}
}
