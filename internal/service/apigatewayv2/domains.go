package apigatewayv2

import (
	"context"
	"net/http"
	"strings"
	"time"

	"cloister/internal/gate"
	"cloister/internal/store"
)

// Domains is the front for the domain names that users gave their APIs.
type Domains struct{ s *Service }

// Domains gives the front. It answers for the domain names that there are.
func (s *Service) Domains() *Domains { return &Domains{s} }

// Serve implements gate.Front.
func (d *Domains) Serve(w http.ResponseWriter, r *http.Request, t gate.Target) bool {
	all, err := d.s.memory.mapped(r.Context())
	if err != nil {
		return false
	}
	mapped, ok := all[t.Host]
	if !ok {
		_, parent, _ := strings.Cut(t.Host, ".")
		if mapped, ok = all["*."+parent]; !ok {
			return false
		}
	}
	x := &exchange{w: w, r: r, target: t, began: time.Now(), release: func() {}}
	x.problem = d.s.findMapped(x, mapped)
	d.s.serve(x)
	return true
}

// findMapped finds the API that the longest key that fits maps to.
func (s *Service) findMapped(x *exchange, mapped []*mapping) error {
	path, segments, ok := readPath(x.target.Path)
	if !ok {
		return errBadPath
	}
	x.path = path
	var best *mapping
	length := -1
	for _, m := range mapped {
		if n := prefixOf(val(m.Mapping.ApiMappingKey), segments); n > length {
			best, length = m, n
		}
	}
	if best == nil {
		return errNotFound
	}
	a, err := s.memory.get(x.r.Context(), val(best.Mapping.ApiId))
	if err != nil || a == nil {
		return orElse(err, errNotFound)
	}
	x.api, x.stage = a, a.stages[val(best.Mapping.Stage)]
	segments = rest(segments[length:])
	x.path = "/" + strings.Join(segments, "/")
	return x.choose(segments)
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// prefixOf is how many segments of a path a mapping's key takes, -1 if it does not
// fit.
func prefixOf(key string, segments []string) int {
	if key == "" {
		return 0
	}
	parts := strings.Split(key, "/")
	if len(parts) > len(segments) {
		return -1
	}
	for i := range parts {
		if parts[i] != segments[i] {
			return -1
		}
	}
	return len(parts)
}

// mapped gives all domains with their mappings.
func (m *memory) mapped(ctx context.Context) (map[string][]*mapping, error) {
	if known := m.domains.Load(); known != nil {
		return *known, nil
	}
	before := m.generation.Load()
	read := map[string][]*mapping{}
	err := m.db.View(ctx, func(r store.Reader) error {
		names, err := all(domains.Scan, r, nil)
		if err != nil {
			return err
		}
		for _, d := range names {
			if read[d.name()], err = all(mappings.Scan, r, d.key()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.generation.Load() == before {
		m.domains.Store(&read)
	}
	return read, nil
}
