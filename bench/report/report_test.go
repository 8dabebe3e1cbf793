package report

import (
	"strings"
	"testing"
)

func figure(samples ...float64) *Figure { return &Figure{Unit: "µs", Samples: samples} }

func TestFigure(t *testing.T) {
	for want, f := range map[string]*Figure{
		"not measured":           figure(),
		"3.14 µs":                figure(3.14159),
		"250 µs (100 to 12,345)": figure(100, 12345, 250),
		"15 µs (10 to 20)":       figure(20, 10),
		"0.00123 µs":             figure(0.0012345),
	} {
		if got := f.String(); got != want {
			t.Errorf("%v is %q, want %q", f.Samples, got, want)
		}
	}
}

func TestVerdict(t *testing.T) {
	atMost, atLeast := &Target{OfRatio: true, AtMost: 1.5}, &Target{OfRatio: true, AtLeast: 0.7}
	for _, c := range []struct {
		row  Row
		want string
	}{
		{Row{Ours: figure(150), Peer: figure(100), Target: atMost}, "met"},
		{Row{Ours: figure(151), Peer: figure(100), Target: atMost}, "**missed**"},
		{Row{Ours: figure(70), Peer: figure(100), Target: atLeast}, "met"},
		{Row{Ours: figure(69), Peer: figure(100), Target: atLeast}, "**missed**"},
		{Row{Ours: figure(69), Peer: figure(), Target: atLeast}, "**not measured**"},
		{Row{Ours: figure(), Target: &Target{AtMost: 60}}, "**not measured**"},
		{Row{Ours: figure(0), Target: &Target{AtMost: 0}}, "met"},
		{Row{Ours: figure(1), Target: &Target{AtMost: 0}}, "**missed**"},
		// The median of the ratios (1, 1, 3) decides, not the ratio of the medians (2).
		{Row{Ours: figure(1, 2, 3), Peer: figure(1, 2, 1), Paired: true, Target: atMost}, "met"},
		{Row{Ours: figure(1)}, ""},
	} {
		if got := c.row.Verdict(); got != c.want {
			t.Errorf("%v beside %v is %q, want %q", c.row.Ours, c.row.Peer, got, c.want)
		}
	}
}

func TestDocumentWarns(t *testing.T) {
	quiet := Document{Machine: Machine{CPUs: 2, Load: "0.10 0.20 0.30"}, Sections: []*Section{{Title: "One", Busy: 0.05}}}
	if text := quiet.Markdown(); strings.Contains(text, "Warning") {
		t.Errorf("a quiet machine is warned of:\n%s", text)
	}
	quiet.Machine.Load = "0.51 0.20 0.30"
	quiet.Sections[0].Busy = 0.5
	if text := quiet.Markdown(); strings.Count(text, "Warning") != 2 {
		t.Errorf("a crowded machine is not warned of:\n%s", text)
	}
}
