package decision

import "testing"

func TestEnginesAgree(t *testing.T) {
	requests := Requests(3000)
	engines, err := Engines(NewSet(10, 5), requests)
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := Agree(engines, requests)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d allowed", allowed, len(requests))
	if !engines[0].Decide(0) {
		t.Error("the last statement does not allow the request made for it")
	}
}
