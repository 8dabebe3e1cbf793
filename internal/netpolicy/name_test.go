package netpolicy

import (
	"slices"
	"strings"
	"testing"
)

func TestNamesIn(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                     "",
		"the payment service":                                  "",
		"cloister:dns=api.example.com":                         "api.example.com",
		"pay cloister:dns=API.example.com. x":                  "api.example.com",
		"cloister:dns=a.example.com,*.b.org":                   "a.example.com *.b.org",
		"cloister:dns=a.b cloister:dns=c.d":                    "a.b c.d",
		"cloister:dns=":                                        "error",
		"cloister:dns":                                         "error",
		"cloister:dns =a.example.com":                          "error",
		"cloister:egress=internet":                             "error",
		"Cloister:DNS=a.example.com":                           "error",
		"cloister:dns=*":                                       "error",
		"cloister:dns=*.com":                                   "error",
		"cloister:dns=a.*.com":                                 "error",
		"cloister:dns=a..com":                                  "error",
		"cloister:dns=com":                                     "error",
		"cloister:dns=10.0.0.1":                                "error",
		"cloister:dns=-a.example.com":                          "error",
		"cloister:dns=a.example.com,":                          "error",
		"cloister:dns=exämple.com":                             "error",
		"cloister:dns=" + strings.Repeat("a", 64) + ".com":     "error",
		"cloister:dns=a.b" + strings.Repeat(",a.b", mostNames): "error",
	} {
		names, err := NamesIn(text)
		got := strings.Join(names, " ")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func FuzzNamesIn(f *testing.F) {
	f.Add("cloister:dns=a.example.com,*.b.org and more")
	f.Add("CLOISTER:")
	f.Fuzz(func(t *testing.T, text string) {
		names, err := NamesIn(text)
		if err == nil && len(names) == 0 && strings.Contains(strings.ToLower(text), Marker) {
			t.Errorf("%q limits nothing", text)
		}
		for _, name := range names {
			again, err := ParseNames(name)
			if err != nil || !slices.Equal(again, []string{name}) {
				t.Errorf("%q is read as %q, %v", name, again, err)
			}
		}
	})
}
