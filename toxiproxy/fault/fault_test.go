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
		{fault.Hold("redis"), `{"kind":"hold","links":["redis"]}`, "hold on redis"},
		{fault.Hold("redis").Only(fault.Up), `{"kind":"hold","links":["redis"],"direction":"up"}`, "hold up on redis"},
		{fault.LoseRequests("redis"), `{"kind":"lose-requests","links":["redis"]}`, "lose-requests on redis"},
		{fault.Late(time.Second, "redis"), `{"kind":"late","links":["redis"],"delay":"1s"}`, "late 1s on redis"},
		{fault.Reset("redis"), `{"kind":"reset","links":["redis"]}`, "reset on redis"},
		{fault.Trickle(4, "redis"), `{"kind":"trickle","links":["redis"],"rate":"4KB/s"}`, "trickle 4KB/s on redis"},
		{fault.Trickle(4, "redis").Only(fault.Down), `{"kind":"trickle","links":["redis"],"direction":"down","rate":"4KB/s"}`, "trickle 4KB/s down on redis"},
		{fault.Truncate(5, "redis"), `{"kind":"truncate","links":["redis"],"bytes":5}`, "truncate after 5 bytes on redis"},
		{fault.Flap(2*time.Second, "redis"), `{"kind":"flap","links":["redis"],"period":"2s"}`, "flap 2s on redis"},
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
		"unknown kind":                     {Kind: "melt", Links: []string{"redis"}},
		"at least one link":                fault.Cut(),
		"one_redis, two_redis, one_web":    fault.Hang("three_redis"),
		"cut takes no delay":               {Kind: fault.KindCut, Links: []string{"redis"}, Delay: fault.Duration(time.Second)},
		"a delay of at least one":          fault.Slow(0, 0, "redis"),
		"whole milliseconds":               fault.Slow(1500*time.Microsecond, 0, "redis"),
		"must lie between 0 and":           fault.Slow(time.Second, 2*time.Second, "redis"),
		"between 0 and the delay":          fault.Slow(time.Second, -time.Second, "redis"),
		"together more than " + "30s":      fault.Slow(25*time.Second, 10*time.Second, "redis"),
		"there are cut, hang, hold, slow,": {},
		"hold takes no delay":              {Kind: fault.KindHold, Links: []string{"redis"}, Delay: fault.Duration(time.Second)},
		"late takes no jitter":             {Kind: fault.KindLate, Links: []string{"redis"}, Delay: fault.Duration(time.Second), Jitter: 1},
		"reset takes no direction":         fault.Reset("redis").Only(fault.Up),
		"cut takes no rate":                {Kind: fault.KindCut, Links: []string{"redis"}, Rate: 1},
		"hang takes no period":             {Kind: fault.KindHang, Links: []string{"redis"}, Period: 1},
		"flap takes no number of bytes":    {Kind: fault.KindFlap, Links: []string{"redis"}, Bytes: 1},
		"truncate goes [down up]":          fault.Truncate(1, "redis").Only(fault.Both),
		"hold goes [both up down]":         fault.Hold("redis").Only("sideways"),
		"want 1 to 1073741824":             fault.Truncate(0, "redis"),
		"want 1KB/s to 1000KB/s":           fault.Trickle(1001, "redis"),
		"want 100ms to 10s":                fault.Flap(time.Minute, "redis"),
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
	for _, bad := range []string{`{"rate":3}`, `{"rate":"3"}`, `{"rate":"3MB/s"}`, `{"rate":"1.5KB/s"}`, `{"delay":3}`, `{"delay":"3"}`, `{"delay":"soon"}`} {
		var f fault.Fault
		if err := json.Unmarshal([]byte(bad), &f); err == nil {
			t.Errorf("%s was read as %s", bad, f.Delay)
		}
	}
}
