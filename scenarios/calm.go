package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
)

// Calm breaks nothing: it shows that the judges accept a sound sale, and that a
// sale in which everybody wants the same seats is sound.
func Calm() lab.Scenario {
	sale := crowd(1)
	sale.Buyers, sale.Readers = 40, 150
	sale.HotSeats, sale.HotShare, sale.StubbornShare = 20, 0.9, 0.7
	sale.Think = 100 * time.Millisecond
	return lab.Scenario{
		Name: "calm", Gate: true,
		Claim: lab.Text{
			EN: "With every link whole and a crowd after the same seats, every purchase is answered, recorded once, and no seat is held by two buyers.",
			ES: "Con todos los enlaces sanos y una multitud tras los mismos asientos, cada compra recibe respuesta, se registra una vez y ningún asiento lo retienen dos compradores.",
		},
		Sale:   sale,
		Phases: []lab.Phase{{Name: "sale", For: seconds(8)}},
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.99, "warm reads", "sale", history.Seats, ok200(), 500*time.Millisecond, 800),
				atLeast(0.99, "purchases are accepted", "sale", history.Purchase, accepted(), time.Second, 50),
				never("an unknown outcome", "sale", history.Purchase, invariant.Match{Outcome: []history.Outcome{history.Unknown}}, 50),
				never("a lock of unknown outcome", "sale", history.Lock, invariant.Match{Outcome: []history.Outcome{history.Unknown}}, 300),
			},
			NoHang:  noHang(),
			Stale:   &invariant.Stale{Seats: seconds(1)},
			Retries: &invariant.Retries{MaxRatio: 1.3, MaxConnects: 60},
			Examine: []string{invariant.Conservation, invariant.LockLinear, invariant.LockLiveness, invariant.NoBypass, invariant.NoLeak},
			Witnesses: []invariant.Witness{
				conflicts(500),
				{Name: "holds that were compared", Measure: invariant.CountHolds, Min: 100},
			},
		},
	}
}
