package ssm

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/store"
)

// maxLabels is how many labels a version can have.
const maxLabels = 10

var labelPattern = regexp.MustCompile(`^[A-Za-z_.-][A-Za-z0-9_.-]*$`)

// isLabel says whether a label is one that AWS takes
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html).
func isLabel(label string) bool {
	lower := strings.ToLower(label)
	return labelPattern.MatchString(label) && !strings.HasPrefix(lower, "aws") && !strings.HasPrefix(lower, "ssm")
}

// label puts labels on a version, from whichever has them.
func (s *Service) label(c *door.Call, tx *store.Tx, in *api.LabelParameterVersionRequest) (*api.LabelParameterVersionResult, error) {
	p, err := find(c, tx, parse(c, *in.Name))
	if err != nil {
		return nil, err
	}
	number := or(in.ParameterVersion, p.Latest)
	if number < p.Oldest || number > p.Latest {
		return nil, noVersion(p.Name, strconv.FormatInt(number, 10))
	}
	out := &api.LabelParameterVersionResult{InvalidLabels: []string{}, ParameterVersion: &number}
	for _, label := range in.Labels {
		if !isLabel(label) {
			out.InvalidLabels = append(out.InvalidLabels, label)
		}
	}
	if len(out.InvalidLabels) > 0 {
		return out, nil
	}
	if p.Labels == nil {
		p.Labels = map[string]int64{}
	}
	for _, label := range in.Labels {
		p.Labels[label] = number
	}
	if len(p.labels(number)) > maxLabels {
		return nil, awsapi.Errorf("ParameterVersionLabelLimitExceeded", "A parameter version can have maximum 10 labels.Move one or more labels to another version and try again.")
	}
	return out, parameters.Put(tx, p.key(), p)
}

func (s *Service) unlabel(c *door.Call, tx *store.Tx, in *api.UnlabelParameterVersionRequest) (*api.UnlabelParameterVersionResult, error) {
	p, err := find(c, tx, parse(c, *in.Name))
	if err != nil {
		return nil, err
	}
	number := *in.ParameterVersion
	if number < p.Oldest || number > p.Latest {
		return nil, noVersion(p.Name, strconv.FormatInt(number, 10))
	}
	out := &api.UnlabelParameterVersionResult{RemovedLabels: []string{}, InvalidLabels: []string{}}
	for _, label := range slices.Compact(slices.Sorted(slices.Values(in.Labels))) {
		if p.Labels[label] != number {
			out.InvalidLabels = append(out.InvalidLabels, label)
			continue
		}
		delete(p.Labels, label)
		out.RemovedLabels = append(out.RemovedLabels, label)
	}
	return out, parameters.Put(tx, p.key(), p)
}
