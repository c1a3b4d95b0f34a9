package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/toxiproxy/fault"
)

// ForgedTokens sends forgers among the buyers. In the middle the stores that could
// be asked are gone: a shop that lets people in when it cannot ask would do it then.
func ForgedTokens() lab.Scenario {
	sale := quieter(41)
	sale.Forgers = 40
	return lab.Scenario{
		Name: "forged-tokens",
		Claim: lab.Text{
			EN: "No call with a forged token, a password that only begins like the right one or somebody else's lock is ever honoured, whatever is broken, while honest buyers go on.",
			ES: "Ninguna llamada con un token falsificado, una contraseña que solo empieza como la correcta o una reserva ajena se atiende jamás, esté roto lo que esté, mientras los compradores honrados siguen.",
		},
		Sale: sale,
		Phases: around(
			lab.Phase{Name: "no-database", For: seconds(2.2), Faults: []fault.Fault{fault.Cut("postgres")}},
			lab.Phase{Name: "no-locks", For: seconds(2.2), Faults: []fault.Fault{fault.Cut("redis")}},
		),
		Spec: invariant.Spec{
			Bounds: append(neverHonoured(history.Baseline, "no-database", "no-locks", "recovered"),
				atLeast(1, "false tokens are refused on sight", "no-database", history.Forge, served(401, 403, 404, 422, 503), time.Second, 60),
				atLeast(0.98, "honest buyers buy", "no-database", history.Purchase, accepted(), time.Second, 20),
			),
			NoHang: noHang(),
			Witnesses: append([]invariant.Witness{
				bits("", 2),
				count("forgeries that were refused", "", history.Forge, served(401, 403, 404, 422), 200),
			}, everyForgery(5)...),
		},
	}
}

func neverHonoured(phases ...string) (bounds []invariant.Bound) {
	for _, phase := range phases {
		bounds = append(bounds, never("a forgery that was honoured", phase, history.Forge,
			invariant.Match{Outcome: []history.Outcome{history.OK}}, 40))
	}
	return bounds
}

// everyForgery asks that each way in was tried and refused n times at least.
func everyForgery(n int64) (all []invariant.Witness) {
	for _, forgery := range []string{
		"no-token", "no-signature", "other-key", "other-algorithm", "empty-secret", "expired", "other-subject", "cut-signature",
		"long-password", "foreign-lock",
	} {
		all = append(all, count("refused: "+forgery, "", history.Forge,
			invariant.Match{Outcome: []history.Outcome{history.Refused}, Forgery: []string{forgery}}, n))
	}
	return all
}
