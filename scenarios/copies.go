package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/overlay"
	"eventflow/scenarios/tamper"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// StaleWrites changes the event all the time, while one node stands still between
// reading the database and storing its copy: what it stores is old by then.
func StaleWrites() lab.Scenario {
	changes := tamper.Tamper{Kind: tamper.UpdateEvent, Every: 200 * time.Millisecond}
	sale := quieter(36)
	sale.Readers, sale.Watchers = 60, 120
	return lab.Scenario{
		Name: "stale-writes",
		Claim: lab.Text{
			EN: "However slow a node is between reading the database and storing its copy, no older copy replaces a newer one, and every copy tells its true age.",
			ES: "Por lento que sea un nodo entre leer la base de datos y guardar su copia, ninguna copia vieja sustituye a otra más nueva y cada copia dice su verdadera antigüedad.",
		},
		Sale: sale,
		Needs: lab.Needs{
			Env: map[topology.Name]map[string]string{
				"":            {"CACHE_FRESH": "500ms"},
				topology.App2: {"PAUSE_BEFORE_PUT": "2500ms", "READ_TIMEOUT": "4s"},
			},
			Edits: []overlay.Edit{
				{File: "system/internal/cache/read.go", Old: "\t\"fmt\"\n\t\"time\"\n", New: "\t\"fmt\"\n\t\"os\"\n\t\"time\"\n"},
				{File: "system/internal/cache/read.go", Old: "\t\t_ = put(ctx, c, k, id, asked, v)\n", New: pauseBeforePut + "\t\t_ = put(ctx, c, k, id, asked, v)\n"},
			},
		},
		Phases: around(
			lab.Phase{Name: "changes", For: seconds(7), Tampers: []tamper.Tamper{changes}},
			lab.Phase{Name: "changes-unseen", For: seconds(3), Faults: []fault.Fault{fault.Cut("postgres")}, Tampers: []tamper.Tamper{changes}},
		),
		Spec: invariant.Spec{
			// A copy is asked for anew when it is half a second old, which takes 150 ms at
			// most before the old one is shown, and a node shows what it has for 100 ms
			// more: 0.76 s was measured, and a copy that is as old as the pause would be
			// shown until 3.2 s. The other bound is the outage and a breaker's second.
			Stale: &invariant.Stale{Fresh: seconds(2), Outage: seconds(7), Source: []string{"app-1_postgres"}},
			Bounds: []invariant.Bound{
				atLeast(0.99, "the event is shown", "changes", history.Event, ok200(), time.Second, 300),
				atLeast(0.99, "the event is still shown", "changes-unseen", history.Event, ok200(), time.Second, 150),
				by(atLeast(0.99, "the slow node makes nobody wait", "changes", history.Event, ok200(), time.Second, 60), "app-2"),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Register, 2, 3, 5)},
			Witnesses: []invariant.Witness{
				bits("", 3),
				{Name: "changes of the event", Measure: invariant.CountUpdates, Min: 20},
				count("reads while the event changed", "changes", history.Event, ok200(), 300),
				count("copies shown while nobody could ask the database", "changes-unseen", history.Event, fromSource("cache"), 150),
				{Name: "reads that did not wait for the paused node's copy", Measure: invariant.SampleRise, Phase: "changes", Series: "cache_stale", Min: 2},
			},
		},
	}
}

// pauseBeforePut is the stretch in which a reader can be overtaken, made as long as
// the environment says. Where there is no copy yet nobody can be overtaken, and
// buyers would wait for nothing.
const pauseBeforePut = `		if pause, err := time.ParseDuration(os.Getenv("PAUSE_BEFORE_PUT")); err == nil {
			if copies, _ := c.rdb.Exists(ctx, k.key(id)).Result(); copies == 1 {
				time.Sleep(pause)
			}
		}
`

// HotKeyExpires takes the copies of a hall that hundreds look at away, again and
// again: the database must not notice how many they are.
func HotKeyExpires() lab.Scenario {
	return lab.Scenario{
		Name: "hot-key-expires",
		Claim: lab.Text{
			EN: "When the copy of a hall that hundreds look at is gone, each node asks the database for it once, and nobody waits for long.",
			ES: "Cuando desaparece la copia de una sala que miran cientos, cada nodo la pide una sola vez a la base de datos y nadie espera mucho.",
		},
		Sale: crowd(29),
		// A slow database is what makes a herd: the others come while one still waits.
		Phases: around(lab.Phase{Name: "expiring", For: seconds(6),
			Faults:  []fault.Fault{fault.Slow(40*time.Millisecond, 0, "app-1_postgres", "app-2_postgres", "app-3_postgres")},
			Tampers: []tamper.Tamper{{Kind: tamper.ExpireCache, Every: 500 * time.Millisecond}},
		}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.99, "warm reads", "expiring", history.Seats, ok200(), 500*time.Millisecond, 800),
				atLeast(0.98, "purchases are accepted", "expiring", history.Purchase, accepted(), time.Second, 30),
				// A miss of each node for each time, and those who ask while it is under way.
				atMost(0.4, "reads are answered by the database", "expiring", history.Seats, fromSource("database"), 800),
			},
			NoHang: noHang(),
			// Three nodes read a hall and its sold seats twice a second, and the ledger for
			// each buyer who asks after a purchase.
			Retries: &invariant.Retries{MaxRates: map[string]float64{"store_reads": 45}},
			Witnesses: []invariant.Witness{
				bits("expiring", 2),
				count("reads that the database answered", "expiring", history.Seats, fromSource("database"), 10),
				count("reads while the copies came and went", "expiring", history.Seats, ok200(), 800),
				{Name: "reads that found no copy", Measure: invariant.SampleRise, Phase: "expiring", Series: "cache_misses", Min: 20},
			},
		},
	}
}

func atMost(ratio float64, name, phase string, kind history.Kind, unwanted invariant.Match, minOps int) invariant.Bound {
	return invariant.Bound{Name: name, Phase: phase, Kind: kind, Want: unwanted, Limit: invariant.AtMost, Ratio: ratio, MinOps: minOps}
}

// ColdReadsHang makes pages that no cache knows hang on every node for longer than
// nginx waits. The nodes are given more patience than the ladder allows, because
// with their own they would always answer first.
func ColdReadsHang() lab.Scenario {
	sale := quieter(26)
	sale.Cold = 30
	patience := map[string]string{"READ_TIMEOUT": "3s", "STORE_READ_TIMEOUT": "2500ms"}
	return lab.Scenario{
		Name: "cold-reads-hang",
		Claim: lab.Text{
			EN: "When pages that need the database hang on every node, nginx shuts no node out for it: whatever the cache knows is still shown, and seats are still sold.",
			ES: "Cuando las páginas que necesitan la base de datos se cuelgan en todos los nodos, nginx no excluye a ninguno por ello: lo que sabe la caché se sigue mostrando y los asientos se siguen vendiendo.",
		},
		Sale:   sale,
		Needs:  lab.Needs{Env: map[topology.Name]map[string]string{topology.App1: patience, topology.App2: patience, topology.App3: patience}},
		Phases: around(lab.Phase{Name: "hanging", For: seconds(7), Faults: []fault.Fault{fault.Hang("app-1_postgres", "app-2_postgres", "app-3_postgres")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.99, "the hall is shown as the cache knows it", "hanging", history.Seats, fromSource("cache"), time.Second, 300),
				never("a hall without nodes", "hanging", history.Seats, served(502, 504), 300),
				atLeast(0.98, "seats are locked", "hanging", history.Lock, served(201, 409), time.Second, 30),
				atLeast(0.98, "purchases are accepted", "hanging", history.Purchase, accepted(), time.Second, 30),
				atLeast(0.6, "cold pages are answered again", "recovered", history.Cold, served(404), time.Second, 60),
				atLeast(1, "cold pages are given up in time", "hanging", history.Cold, served(502, 503, 504), seconds(2.5).D(), 60),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Seats, 1, 2, 50), back(history.Purchase, 1, 2, 10)},
			Witnesses: []invariant.Witness{
				bit("hanging"),
				count("pages that nginx stopped waiting for", "hanging", history.Cold, served(504), 5),
				count("halls shown meanwhile", "hanging", history.Seats, fromSource("cache"), 300),
			},
		},
	}
}
