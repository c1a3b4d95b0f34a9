package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/overlay"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// ClocksDiffer sets one node half a minute ahead and auth three seconds. Tokens last
// for half a minute, so that the node ahead sees them end while the others do not.
//
// Tokens are all that EventFlow judges by a program's own clock: the age of holds,
// copies and purchases is Redis's to tell, and a program asks its own clock only
// how long something took. Slow answers of Redis make that node's turns at the
// locks long enough for a mistake in this to be seen.
func ClocksDiffer() lab.Scenario {
	sale := quieter(27)
	sale.OldTokens, sale.RegisterShare = true, 0
	return lab.Scenario{
		Name: "clocks-differ",
		Claim: lab.Text{
			EN: "When clocks differ, tokens are good within the leeway and refused beyond it, and who holds a seat and how old a copy is depends on one clock alone.",
			ES: "Cuando los relojes difieren, los tokens valen dentro de la tolerancia y se rechazan más allá, y quién retiene un asiento o qué antigüedad tiene una copia depende de un solo reloj.",
		},
		Sale: sale,
		Needs: lab.Needs{
			Env: map[topology.Name]map[string]string{
				topology.App2: {"CLOCK_AHEAD": "30s"},
				topology.Auth: {"CLOCK_AHEAD": "3s", "TOKEN_TTL": "32s"},
			},
			Edits: []overlay.Edit{
				{File: "system/cmd/app/main.go", Old: "token.NewVerifier(cfg.Key, time.Now)", New: "token.NewVerifier(cfg.Key, " + wrongClock + ")"},
				{File: "system/cmd/auth/main.go", Old: "token.NewIssuer(cfg.Key, cfg.TTL, time.Now)", New: "token.NewIssuer(cfg.Key, cfg.TTL, " + wrongClock + ")"},
			},
		},
		// By the clock of app-2 a token is 27 s old when it is issued, and good until it
		// is 37 s old, less up to a second since tokens count in seconds. So the guests,
		// who came in before the doors opened, are good there for 9 s and bad after 10 s.
		Phases: []lab.Phase{
			{Name: "baseline", For: seconds(2.5)},
			{Name: "young", For: seconds(2.5), Faults: []fault.Fault{fault.Slow(100*time.Millisecond, 0, "app-2_redis")}},
			{Name: "ageing", For: seconds(6)},
			{Name: "old", For: seconds(4), Faults: []fault.Fault{fault.Slow(100*time.Millisecond, 0, "app-2_redis")}},
		},
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				by(atLeast(0.98, "a token within the leeway is good", "young", history.Lock, served(201, 409), 1500*time.Millisecond, 4), "app-2"),
				by(atLeast(1, "a token beyond the leeway is refused", "old", history.Lock, served(401), time.Second, 10), "app-2"),
				by(atLeast(0.98, "the same token is good elsewhere", "old", history.Lock, served(201, 409), time.Second, 10), "app-1", "app-3"),
				by(atLeast(0.98, "the same token buys elsewhere", "old", history.Purchase, accepted(), time.Second, 5), "app-1", "app-3"),
				shown("old"),
				atLeast(0.99, "every copy is as young as it can be", "old", history.Seats, invariant.Match{Code: []int{200}, MaxAge: seconds(3)}, time.Second, 150),
			},
			NoHang: limits(history.Seats, history.Lock, history.Purchase, history.Status),
			Witnesses: []invariant.Witness{
				bits("", 2),
				count("locks by the node that is ahead", "young", history.Lock, invariant.Match{Code: []int{201, 409}, Node: []string{"app-2"}}, 4),
				count("tokens that the node ahead found too old", "old", history.Lock, invariant.Match{Code: []int{401}, Node: []string{"app-2"}}, 10),
				conflicts(10),
				{Name: "holds that were compared", Measure: invariant.CountHolds, Min: 100},
			},
		},
	}
}

// wrongClock is a clock that is ahead by what the environment says.
const wrongClock = `func() time.Time {
		ahead, _ := time.ParseDuration(os.Getenv("CLOCK_AHEAD"))
		return time.Now().Add(ahead)
	}`
