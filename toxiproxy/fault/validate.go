package fault

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// validKind checks the fields against the kind: those that it takes make sense,
// and the others are empty.
func (f Fault) validKind() error {
	t, known := f.Kind.takes()
	if !known {
		return fmt.Errorf("unknown kind; there are %s", kindList())
	}
	return errors.Join(f.surplus(t), f.validWay(t), f.validDelay(t), f.validRate(t), f.validBytes(t), f.validPeriod(t))
}

// surplus names what the kind does not take.
func (f Fault) surplus(t takes) error {
	var errs []error
	for _, field := range []struct {
		name       string
		set, taken bool
	}{
		{"direction", f.Direction != "", len(t.ways) > 0},
		{"delay", f.Delay != 0, t.delay},
		{"jitter", f.Jitter != 0, t.jitter},
		{"rate", f.Rate != 0, t.rate},
		{"number of bytes", f.Bytes != 0, t.bytes},
		{"period", f.Period != 0, t.period},
	} {
		if field.set && !field.taken {
			errs = append(errs, fmt.Errorf("%s takes no %s", f.Kind, field.name))
		}
	}
	return errors.Join(errs...)
}

func (f Fault) validWay(t takes) error {
	if f.Direction == "" || len(t.ways) == 0 || slices.Contains(t.ways, f.Direction) {
		return nil
	}
	return fmt.Errorf("direction %q: %s goes %v", f.Direction, f.Kind, t.ways)
}

func (f Fault) validDelay(t takes) error {
	delay, jitter := time.Duration(f.Delay), time.Duration(f.Jitter)
	switch {
	case !t.delay:
		return nil
	case delay < time.Millisecond || !wholeMS(delay) || !wholeMS(jitter):
		return fmt.Errorf("delay %s, jitter %s: want whole milliseconds and a delay of at least one", delay, jitter)
	case jitter < 0 || jitter > delay:
		return fmt.Errorf("jitter %s must lie between 0 and the delay of %s: an answer cannot come before its request", jitter, delay)
	case delay+jitter > MaxDelay:
		return fmt.Errorf("delay %s, jitter %s: together more than %s", delay, jitter, MaxDelay)
	}
	return nil
}

func (f Fault) validRate(t takes) error {
	if t.rate && (f.Rate < 1 || f.Rate > MaxRate) {
		return fmt.Errorf("rate %s: want 1KB/s to %s", f.Rate, MaxRate)
	}
	return nil
}

func (f Fault) validBytes(t takes) error {
	if t.bytes && (f.Bytes < 1 || f.Bytes > MaxBytes) {
		return fmt.Errorf("%d bytes: want 1 to %d", f.Bytes, MaxBytes)
	}
	return nil
}

func (f Fault) validPeriod(t takes) error {
	period := time.Duration(f.Period)
	if t.period && (period < MinPeriod || period > MaxPeriod || !wholeMS(period)) {
		return fmt.Errorf("period %s: want %s to %s in whole milliseconds", period, MinPeriod, MaxPeriod)
	}
	return nil
}

func wholeMS(d time.Duration) bool { return d%time.Millisecond == 0 }
