package machine

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestOwnersChange: what the lab's own processes have used between two readings,
// while owners come, go and are replaced. Process 1 is the machine's.
func TestOwnersChange(t *testing.T) {
	type all = map[int]usage
	tests := map[string]struct {
		then, now all
		roots     []int
		want      int64
	}{
		"nobody's": {
			then: all{10: {1, 5, 100}}, now: all{10: {1, 5, 150}}, want: 0,
		},
		"an owner and its child": {
			then: all{10: {1, 5, 100}, 11: {10, 6, 10}}, now: all{10: {1, 5, 130}, 11: {10, 6, 14}},
			roots: []int{10}, want: 34,
		},
		"a child that ended was collected by its parent": {
			then: all{10: {1, 5, 100}, 11: {10, 6, 10}}, now: all{10: {1, 5, 142}},
			roots: []int{10}, want: 32,
		},
		"a child that ended and is not collected yet": {
			then: all{10: {1, 5, 100}, 11: {10, 6, 10}}, now: all{10: {1, 5, 104}},
			roots: []int{10}, want: 0,
		},
		"an owner was started again as another process": {
			then: all{10: {1, 5, 900}}, now: all{20: {1, 70, 8}},
			roots: []int{20}, want: 8,
		},
		"an owner that still names the process that ended": {
			then: all{10: {1, 5, 900}}, now: all{20: {1, 70, 8}},
			roots: []int{10, 20}, want: 8,
		},
		"its number was given to the one that replaced it": {
			then: all{10: {1, 5, 900}}, now: all{10: {1, 70, 8}},
			roots: []int{10}, want: 8,
		},
		"an old process becomes an owner: only what it does from now on": {
			then: all{10: {1, 5, 900}, 11: {10, 6, 40}}, now: all{10: {1, 5, 903}, 11: {10, 6, 41}},
			roots: []int{10}, want: 4,
		},
		"an owner below an owner counts once": {
			then: all{10: {1, 5, 100}, 11: {10, 6, 10}}, now: all{10: {1, 5, 130}, 11: {10, 6, 14}},
			roots: []int{10, 11}, want: 34,
		},
		"the machine's first process is nobody's parent": {
			then: all{1: {0, 0, 1}, 10: {1, 5, 100}}, now: all{1: {0, 0, 2}, 10: {1, 5, 150}},
			roots: []int{1, 0}, want: 0,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, own(reading{all: tt.then}, reading{all: tt.now}, tt.roots))
		})
	}
}
