package door

import "testing"

func TestSubscriber(t *testing.T) {
	for _, c := range []struct {
		call Call
		want string
	}{
		{Call{SourceIP: "192.0.2.1"}, "192.0.2.1"},
		{Call{SourceIP: "::ffff:192.0.2.1"}, "192.0.2.1"},
		{Call{SourceIP: "2001:db8:0:1:a::1"}, "2001:db8:0:1::/64"},
		{Call{SourceIP: "2001:db8:0:1:b::2%eth0"}, "2001:db8:0:1::/64"},
		{Call{SourceIP: "192.0.2.1", SourceCell: "cell"}, "cell"},
		{Call{}, ""},
	} {
		if got := c.call.Subscriber(); got != c.want {
			t.Errorf("%q is of %q, want %q", c.call.SourceIP, got, c.want)
		}
	}
}
