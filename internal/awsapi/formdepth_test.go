package awsapi_test

import (
	"testing"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/iam"
	"cloister/internal/awsapi/sts"
)

// formDepth is how many parts the longest parameter name of a value has.
func formDepth(s *awsapi.Shape, parents map[*awsapi.Shape]bool) (deepest int) {
	if s == nil || parents[s] {
		return 0
	}
	parents[s] = true
	defer delete(parents, s)
	for i := range s.Members {
		deepest = max(deepest, 1+formDepth(s.Members[i].Shape, parents))
	}
	switch s.Kind {
	case awsapi.KindList: // member.1
		return 2 + formDepth(s.Elem.Shape, parents)
	case awsapi.KindMap: // entry.1.value
		return 3 + formDepth(s.Elem.Shape, parents)
	}
	return deepest
}

// The bound on the depth of a form leaves room for every input there is.
func TestFormDepthOfTheModels(t *testing.T) {
	deepest := 0
	for _, service := range []*awsapi.Service{&iam.Service, &sts.Service} {
		for _, op := range service.Operations {
			depth := formDepth(op.Input, map[*awsapi.Shape]bool{})
			if depth > awsapi.MaxFormDepth {
				t.Errorf("%s takes %d parts in a name", op, depth)
			}
			deepest = max(deepest, depth)
		}
	}
	if deepest < 4 { // Tags.member.1.Key
		t.Errorf("the deepest input has %d parts in a name", deepest)
	}
	t.Logf("deepest: %d", deepest)
}
