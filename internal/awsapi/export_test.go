package awsapi

import "reflect"

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

// ForgetStatus empties the member that holds the HTTP status.
func ForgetStatus(s *Shape, v any) {
	p, rv, err := structPlan(s, v)
	if err != nil {
		panic(err)
	}
	for i := range p.fields {
		if f := &p.fields[i]; f.Location == InStatus {
			rv.Field(f.index).SetZero()
		}
	}
}

// Missing lists the members, by path, that are absent in v and below.
func Missing(s *Shape, v any) []string {
	p, rv, err := structPlan(s, v)
	if err != nil {
		panic(err)
	}
	return missing(p, rv, "")
}

func missing(p *plan, v reflect.Value, path string) []string {
	var list []string
	for i := range p.fields {
		f := &p.fields[i]
		inner, ok := open(v.Field(f.index))
		if !ok {
			list = append(list, path+f.Name)
			continue
		}
		list = append(list, missingBelow(f.plan, inner, path+f.Name)...)
	}
	return list
}

func missingBelow(p *plan, v reflect.Value, path string) []string {
	switch {
	case p.shape.Kind == KindStructure && p.typ != eventSourceType:
		return missing(p, v, path+".")
	case p.shape.Kind == KindList && v.Len() > 0:
		inner, _ := open(v.Index(0))
		return missingBelow(p.elem, inner, path)
	}
	return nil
}

// Taint fills v with one element everywhere, and with mark wherever a string is
// sensitive or lies below what is. It returns how many it marked.
func Taint(s *Shape, v any, mark string) int {
	p, rv, err := structPlan(s, v)
	if err != nil {
		panic(err)
	}
	return taint(p, rv, mark, false)
}

func taint(p *plan, v reflect.Value, mark string, secret bool) (n int) {
	secret = secret || p.shape.Is(Sensitive)
	switch {
	case p.typ == eventSourceType:
	case p.shape.Kind == KindStructure:
		for i := range p.fields {
			f := &p.fields[i]
			n += taint(f.plan, create(v.Field(f.index)), mark, secret || f.Is(Sensitive))
		}
	case p.shape.Kind == KindList:
		v.Set(reflect.MakeSlice(p.typ, 1, 1))
		n = taint(p.elem, create(v.Index(0)), mark, secret)
	case p.shape.Kind == KindMap:
		item := reflect.New(p.typ.Elem()).Elem()
		n = taint(p.elem, create(item), mark, secret)
		key := "bad key"
		if secret || p.shape.Key.Is(Sensitive) {
			key, n = mark, n+1
		}
		v.Set(reflect.MakeMap(p.typ))
		v.SetMapIndex(reflect.ValueOf(key), item)
	case secret && p.shape.Kind == KindString:
		v.SetString(mark + " \x00")
		n = 1
	case secret && p.shape.Kind == KindBlob && p.typ == bytesType:
		v.SetBytes([]byte(mark))
		n = 1
	}
	return n
}

// IsSensitive says whether the member at the path, or one above it, is marked.
func IsSensitive(s *Shape, path []string) bool {
	for i := range s.Members {
		if m := &s.Members[i]; m.Name == path[0] {
			return m.Is(Sensitive) || len(path) > 1 && IsSensitive(m.Shape, path[1:])
		}
	}
	return false
}

// MaxFormDepth is the most parts that a parameter's name may have.
const MaxFormDepth = maxFormDepth
