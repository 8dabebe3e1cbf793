package door

import "context"

type withinPlatform struct{}

// Inside is a connection that never leaves this process.
type Inside struct {
	From   string // whose it is: the ARN of the function that runs in the cell
	Region string // of the calls that the platform makes for it
	// Confide is told each secret that an answer holds, before the answer leaves;
	// it may be nil.
	Confide func(secret []byte)
}

// WithinPlatform marks the context of a connection that never leaves this
// process, such as one from a cell to the platform's endpoint in it. The
// transport is as secure as TLS would make it (aws:SecureTransport). The address
// it seems to come from is of the caller's choosing, so that aws:SourceIp is
// absent and the audit log names From instead.
func WithinPlatform(ctx context.Context, connection Inside) context.Context {
	return context.WithValue(ctx, withinPlatform{}, connection)
}

// insideOf is the connection that a request came by, if it never left the
// process.
func insideOf(ctx context.Context) (in Inside, within bool) {
	in, within = ctx.Value(withinPlatform{}).(Inside)
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

// Confides tells whether the caller is a function, so that Confide has an effect.
func (c *Call) Confides() bool { return c.confide != nil }
