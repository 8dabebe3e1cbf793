package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Figure is what was measured: one sample for each round.
type Figure struct {
	Unit    string
	Samples []float64
}

// Add adds the sample of one more round.
func (f *Figure) Add(sample float64) { f.Samples = append(f.Samples, sample) }

// Median is the middle sample, NaN without samples.
func (f *Figure) Median() float64 {
	if len(f.Samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(f.Samples))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// String is the median, with the least and the greatest sample.
func (f *Figure) String() string {
	switch len(f.Samples) {
	case 0:
		return "not measured"
	case 1:
		return strings.TrimSpace(number(f.Samples[0]) + " " + f.Unit)
	}
	median := strings.TrimSpace(number(f.Median()) + " " + f.Unit)
	return fmt.Sprintf("%s (%s to %s)", median, number(slices.Min(f.Samples)), number(slices.Max(f.Samples)))
}

// ratio is how many times over the median of f is.
func (f *Figure) ratio(over *Figure) float64 { return f.Median() / over.Median() }

// ratios are the ratios of each round, for figures measured in turns.
func (f *Figure) ratios(over *Figure) *Figure {
	r := &Figure{}
	for i := range min(len(f.Samples), len(over.Samples)) {
		r.Add(f.Samples[i] / over.Samples[i])
	}
	return r
}

// number writes x with three digits that count, and thousands apart.
func number(x float64) string {
	if math.Abs(x) < 100 {
		text := strconv.FormatFloat(x, 'g', 3, 64)
		if strings.Contains(text, "e") {
			text = strconv.FormatFloat(x, 'f', 4, 64)
		}
		return text
	}
	digits := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
