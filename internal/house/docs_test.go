package house

import "testing"

func TestEveryPackageHasOneComment(t *testing.T) {
	comments := map[string][]string{}
	packages := map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		packages[s.dir()] = true
		if s.doc != "" {
			comments[s.dir()] = append(comments[s.dir()], s.path)
		}
	}
	for dir := range packages {
		if got := comments[dir]; len(got) != 1 {
			t.Errorf("%s has %d package comments %v: exactly one tells what the package promises", dir, len(got), got)
		}
	}
}
