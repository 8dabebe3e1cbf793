package dial

import "testing"

func TestParseRule(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8":              "10.0.0.0/8",
		"10.0.0.0/8:443":          "10.0.0.0/8:443",
		"10.1.2.3":                "10.1.2.3",
		"10.1.2.3:8443":           "10.1.2.3:8443",
		"fd00::/8":                "fd00::/8",
		"[fd00::/8]:443":          "[fd00::/8]:443",
		"[fd00::1]:443":           "[fd00::1]:443",
		"[fd00::1]":               "fd00::1",
		"::1":                     "::1",
		"localhost":               "localhost",
		"localhost:9000":          "localhost:9000",
		"IdP.Corp.example.":       "idp.corp.example",
		"idp_x.corp.example:8443": "idp_x.corp.example:8443",
	} {
		r, err := ParseRule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if r.String() != want {
			t.Errorf("%s is read as %s", text, r)
		}
		if again, err := ParseRule(r.String()); err != nil || again != r {
			t.Errorf("%s, written as %s, is read as %s: %v", text, r, again, err)
		}
	}
}

func TestWhatIsNoRule(t *testing.T) {
	for _, text := range []string{
		"", ":443", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.256", "10.0.0", "1", "0x7f000001", "127.1", "*", "*.example", "a b", "a..b",
		"-a.example", "a-.example", "localhost:0", "localhost:65536", "localhost:+1", "localhost:08", "localhost:", "localhost:x", "https://localhost",
		"localhost/x", "[::1", "::1]", "[localhost]:1", "[10.0.0.1]:1", "[::1]x", "[::1]:", "fe80::1%eth0", "::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "user@host",
		"[]:1", "host\x00", "höst",
	} {
		if r, err := ParseRule(text); err == nil {
			t.Errorf("%q is read as %s", text, r)
		}
	}
}

func TestWide(t *testing.T) {
	for text, want := range map[string]bool{
		"10.0.0.0/8": true, "0.0.0.0/0": true, "10.1.0.0/16": false, "10.1.2.3": false, "fd00::/8": true, "fd00:1:2::/48": false, "idp.example": false,
	} {
		if got := rules(t, text)[0].Wide(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func FuzzParseRule(f *testing.F) {
	for _, text := range []string{"10.0.0.0/8", "[fd00::1]:443", "localhost:9000", "a.b:1", "::1", "[", "]:", "%", "1.2.3.4:5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRule(text)
		if err != nil {
			return
		}
		again, err := ParseRule(r.String())
		if err != nil || again != r {
			t.Errorf("%q is read as %s and then as %s: %v", text, r, again, err)
		}
		if r.prefix.IsValid() == (r.host != "") {
			t.Errorf("%q is a range and a name, or neither", text)
		}
	})
}
