package awsapi

// CompilePattern tells whether a model's pattern can be enforced.
func CompilePattern(text string) error {
	_, err := compilePattern(text)
	return err
}

// EachShape visits every shape that a service's operations reach.
func EachShape(s *Service, visit func(*Shape)) {
	seen := map[*Shape]bool{}
	for _, op := range s.Operations {
		eachShape(op.Input, seen, visit)
		eachShape(op.Output, seen, visit)
		for _, e := range op.Errors {
			eachShape(e, seen, visit)
		}
	}
}

func eachShape(s *Shape, seen map[*Shape]bool, visit func(*Shape)) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	visit(s)
	for i := range s.Members {
		eachShape(s.Members[i].Shape, seen, visit)
	}
	for _, m := range []*Member{s.Elem, s.Key} {
		if m != nil {
			eachShape(m.Shape, seen, visit)
		}
	}
}
