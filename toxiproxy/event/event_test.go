package event

import "testing"

func TestTheOldestEventsAreForgottenAndCounted(t *testing.T) {
	l := NewLog()
	for range kept + 10 {
		l.Add(Event{Type: "x"})
	}
	got, missed, _ := l.Since(3)
	if len(got) != kept || missed != 7 || got[0].Seq != 11 {
		t.Errorf("%d events from %d, %d missed", len(got), got[0].Seq, missed)
	}
	if got, missed, _ := l.Since(kept + 8); len(got) != 2 || missed != 0 || got[1].Seq != kept+10 {
		t.Errorf("%+v, %d missed", got, missed)
	}
	if got, _, _ := l.Since(kept + 99); len(got) != 0 {
		t.Errorf("events from the future: %+v", got)
	}
}
