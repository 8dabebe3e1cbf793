package pattern

// maxDepth bounds how deep parentheses go.
const maxDepth = 32

// node decides on what a pattern looks at: a JSON document or a column.
type node[T any] func(T) bool

// parseExpression reads conditions joined by || and &&, which binds closer, and
// grouped by parentheses.
func parseExpression[T any](s *scanner, depth int, condition func(*scanner) (node[T], error)) (node[T], error) {
	if depth > maxDepth {
		return nil, s.wrong("the parentheses go too deep")
	}
	return joined(s, "||", func() (node[T], error) {
		return joined(s, "&&", func() (node[T], error) { return operand(s, depth, condition) }, and[T])
	}, or[T])
}

func joined[T any](s *scanner, operator string, next func() (node[T], error), join func(a, b node[T]) node[T]) (node[T], error) {
	left, err := next()
	for err == nil {
		if s.space(); !s.take(operator) {
			return left, nil
		}
		var right node[T]
		right, err = next()
		left = join(left, right)
	}
	return nil, err
}

func and[T any](a, b node[T]) node[T] { return func(v T) bool { return a(v) && b(v) } }

func or[T any](a, b node[T]) node[T] { return func(v T) bool { return a(v) || b(v) } }

func operand[T any](s *scanner, depth int, condition func(*scanner) (node[T], error)) (node[T], error) {
	if s.space(); !s.take("(") {
		return condition(s)
	}
	inner, err := parseExpression(s, depth+1, condition)
	if err != nil {
		return nil, err
	}
	if s.space(); !s.take(")") {
		return nil, s.wrong("a ) is missing")
	}
	return inner, nil
}
