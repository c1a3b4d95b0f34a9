package fault_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
)

func TestFaultIsData(t *testing.T) {
	tests := []struct {
		fault fault.Fault
		json  string
		text  string
	}{
		{fault.Cut("redis"), `{"kind":"cut","links":["redis"]}`, "cut on redis"},
		{fault.Hang("one_*", "two_redis"), `{"kind":"hang","links":["one_*","two_redis"]}`, "hang on one_*, two_redis"},
		{fault.LoseReplies("all"), `{"kind":"lose-replies","links":["all"]}`, "lose-replies on all"},
		{fault.Slow(3*time.Second, 0, "redis"), `{"kind":"slow","links":["redis"],"delay":"3s"}`, "slow 3s on redis"},
		{fault.Slow(3*time.Second, time.Second, "redis"), `{"kind":"slow","links":["redis"],"delay":"3s","jitter":"1s"}`, "slow 3s±1s on redis"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := json.Marshal(tt.fault)
			if err != nil || string(got) != tt.json {
				t.Errorf("JSON %s, %v; want %s", got, err, tt.json)
			}
			var back fault.Fault
			if err := json.Unmarshal([]byte(tt.json), &back); err != nil || back.String() != tt.text {
				t.Errorf("read back as %q, %v; want %q", back, err, tt.text)
			}
			if err := back.Validate(network()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestValidateRefusesWhatMakesNoSense(t *testing.T) {
	tests := map[string]fault.Fault{
		"unknown kind":                      {Kind: "melt", Links: []string{"redis"}},
		"at least one link":                 fault.Cut(),
		"one_redis, two_redis, one_web":     fault.Hang("three_redis"),
		"only slow takes a delay":           {Kind: fault.KindCut, Links: []string{"redis"}, Delay: fault.Duration(time.Second)},
		"a delay of at least one":           fault.Slow(0, 0, "redis"),
		"whole milliseconds":                fault.Slow(1500*time.Microsecond, 0, "redis"),
		"must lie between 0 and":            fault.Slow(time.Second, 2*time.Second, "redis"),
		"between 0 and the delay":           fault.Slow(time.Second, -time.Second, "redis"),
		"together more than " + "30s":       fault.Slow(25*time.Second, 10*time.Second, "redis"),
		"there are cut, slow, hang and los": {},
	}
	for want, f := range tests {
		t.Run(want, func(t *testing.T) {
			if err := f.Validate(network()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want it to say %q", err, want)
			}
		})
	}
}

func TestDurationNeedsItsUnit(t *testing.T) {
	for _, bad := range []string{`{"delay":3}`, `{"delay":"3"}`, `{"delay":"soon"}`} {
		var f fault.Fault
		if err := json.Unmarshal([]byte(bad), &f); err == nil {
			t.Errorf("%s was read as %s", bad, f.Delay)
		}
	}
}
