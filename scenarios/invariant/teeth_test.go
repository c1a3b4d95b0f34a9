package invariant_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

func reread(t require.TestingT, h history.History) history.History {
	var b bytes.Buffer
	require.NoError(t, history.Write(&b, h))
	got, err := history.Read(&b)
	require.NoError(t, err)
	return got
}

// find is the place of the first op that keep wants.
func find(h *history.History, keep func(history.Op) bool) *history.Op {
	return &h.Ops[slices.IndexFunc(h.Ops, keep)]
}

func purchaseOf(h *history.History, lock string) *history.Op {
	return find(h, func(o history.Op) bool { return o.Kind == history.Purchase && o.LockID == lock })
}

func rowFor(h *history.History, lock string) *history.PurchaseRow {
	l := h.Ledger
	return &l.Purchases[slices.IndexFunc(l.Purchases, func(r history.PurchaseRow) bool { return r.Transaction == tx(lock) })]
}

// forget removes every trace of a purchase from the ledger.
func forget(h *history.History, lock string) {
	l := h.Ledger
	l.Purchases = slices.DeleteFunc(l.Purchases, func(r history.PurchaseRow) bool { return r.Transaction == tx(lock) })
	l.Sold = slices.DeleteFunc(l.Sold, func(s history.SoldSeat) bool { return s.Transaction == tx(lock) })
	delete(l.Effects, tx(lock))
}

// land puts a confirmed purchase into the ledger.
func land(h *history.History, lock string, seats ...string) {
	(&simulation{h: *h}).settle(lock, seats, "CONFIRMED", "")
}

// insert adds an op by a process of its own.
func insert(h *history.History, call, lasts time.Duration, o history.Op) {
	o.Process, o.Event = 1e6+len(h.Ops), sale
	o.Intended, o.Call, o.Return = call, call, call+lasts
	h.Ops = append(h.Ops, o)
	*h = renumber(*h)
}

const ms = time.Millisecond

type mutant struct {
	name    string
	flips   string
	verdict invariant.Verdict
	change  func(*history.History)
}

// mutants are the ways in which EventFlow, or the lab, can go wrong, each as a
// change to a green history, with the one invariant that must see it.
var mutants = []mutant{
	{"an accepted purchase is lost", invariant.NoLoss, invariant.Broken, func(h *history.History) { forget(h, "lock-c") }},
	{"an accepted purchase never ends", invariant.NoLoss, invariant.Broken, func(h *history.History) {
		seats := rowFor(h, "lock-c").Seats
		forget(h, "lock-c")
		h.Ledger.Purchases = append(h.Ledger.Purchases, history.PurchaseRow{Transaction: tx("lock-c"), Event: sale, Seats: seats, Status: "PENDING"})
	}},

	{"a ticket is sent twice", invariant.ExactlyOnce, invariant.Broken, func(h *history.History) { h.Ledger.Effects[tx("lock-c")] = 2 }},
	{"a ticket is not sent", invariant.ExactlyOnce, invariant.Broken, func(h *history.History) { delete(h.Ledger.Effects, tx("lock-c")) }},
	{"a ticket for a rejected purchase", invariant.ExactlyOnce, invariant.Broken, func(h *history.History) { h.Ledger.Effects[tx("lock-r")] = 1 }},
	{"a ticket for nobody", invariant.ExactlyOnce, invariant.Broken, func(h *history.History) { h.Ledger.Effects["tx-nobody"] = 1 }},
	{"a purchase has two rows", invariant.ExactlyOnce, invariant.Broken, func(h *history.History) {
		h.Ledger.Purchases = append(h.Ledger.Purchases, *rowFor(h, "lock-c"))
	}},

	{"nobody asked for it", invariant.NoPhantom, invariant.Broken, func(h *history.History) { land(h, "lock-nobody", "Y-9") }},
	{"refused, and there", invariant.NoPhantom, invariant.Broken, func(h *history.History) { land(h, "lock-n", "Z-5") }},
	{"other seats than were bought", invariant.NoPhantom, invariant.Broken, func(h *history.History) {
		forget(h, "lock-c")
		land(h, "lock-c", "Z-2", "Y-3")
	}},
	{"another sale than was bought for", invariant.NoPhantom, invariant.Broken, func(h *history.History) {
		rowFor(h, "lock-c").Event = 999
		for i := range h.Ledger.Sold {
			if h.Ledger.Sold[i].Transaction == tx("lock-c") {
				h.Ledger.Sold[i].Event = 999
			}
		}
	}},

	{"a sold seat moves", invariant.NoDoubleSale, invariant.Broken, func(h *history.History) { h.Ledger.Sold[0].Seat = "Y-1" }},
	{"a sold seat changes hands", invariant.NoDoubleSale, invariant.Broken, func(h *history.History) { h.Ledger.Sold[0].Transaction = tx("lock-c") }},
	{"a sold mark is missing", invariant.NoDoubleSale, invariant.Broken, func(h *history.History) { h.Ledger.Sold = h.Ledger.Sold[1:] }},
	{"a seat is sold twice", invariant.NoDoubleSale, invariant.Broken, func(h *history.History) {
		insert(h, 3*time.Second, ms, buyOp("lock-2", []string{"Z-1"}, history.Unknown))
		row := history.PurchaseRow{Transaction: tx("lock-2"), Event: sale, Seats: []string{"Z-1"}, Status: "CONFIRMED"}
		h.Ledger.Purchases, h.Ledger.Effects[tx("lock-2")] = append(h.Ledger.Purchases, row), 1
	}},

	{"accepted, then rejected", invariant.AcceptConflict, invariant.Broken, func(h *history.History) {
		forget(h, "lock-c")
		insert(h, 3*time.Second, ms, buyOp("lock-w", []string{"Z-2"}, history.Unknown))
		land(h, "lock-w", "Z-2")
		h.Ledger.Purchases = append(h.Ledger.Purchases, history.PurchaseRow{
			Transaction: tx("lock-c"), Event: sale, Seats: []string{"Z-2", "Z-3"}, Status: "REJECTED", Reason: "seat_taken"})
	}},

	{"rejected, and nobody has the seat", invariant.RejectWitness, invariant.Broken, func(h *history.History) {
		rowFor(h, "lock-r").Seats = []string{"Y-8"}
		purchaseOf(h, "lock-r").Seats = []string{"Y-8"}
	}},
	{"rejected for no known reason", invariant.RejectWitness, invariant.Broken, func(h *history.History) { rowFor(h, "lock-r").Reason = "mood" }},

	{"told rejected, is confirmed", invariant.StatusTruth, invariant.Broken, func(h *history.History) {
		find(h, func(o history.Op) bool { return o.Kind == history.Status }).State = "rejected"
	}},

	{"an answer that contradicts the contract", invariant.Contract, invariant.Broken, func(h *history.History) {
		purchaseOf(h, "lock-c").Error = "answer breaks the contract: another transaction"
	}},

	{"a message is left", invariant.QueueAccounted, invariant.Broken, func(h *history.History) { h.Ledger.Ready = 1 }},
	{"a message is not acknowledged", invariant.QueueAccounted, invariant.Broken, func(h *history.History) { h.Ledger.Unacked = 1 }},
	{"a dead letter", invariant.QueueAccounted, invariant.Broken, func(h *history.History) { h.Ledger.DeadLetter = 1 }},
	{"a stuck seat", invariant.QueueAccounted, invariant.Broken, func(h *history.History) { h.Ledger.Stuck = []string{"1001/A-1"} }},

	{"a held seat is locked again", invariant.LockMutex, invariant.Broken, func(h *history.History) {
		insert(h, 16*time.Second, 50*ms, lockOp("lock-thief", []string{"Z-5"}, 10*time.Second))
	}},
	{"a sold seat is locked again", invariant.LockMutex, invariant.Broken, func(h *history.History) {
		insert(h, 26*time.Second, 50*ms, lockOp("lock-thief", []string{"Z-2"}, 10*time.Second))
	}},

	{"cached reads are slow", invariant.Availability, invariant.Broken, func(h *history.History) {
		for i := range h.Ops {
			if h.Ops[i].Kind == history.Seats && h.Ops[i].Call > 11*time.Second {
				h.Ops[i].Intended -= 400 * ms
			}
		}
	}},
	{"reads fail under the fault", invariant.Availability, invariant.Broken, func(h *history.History) {
		insert(h, 15*time.Second, ms, history.Op{Kind: history.Seats, Outcome: history.Refused, Code: 503})
	}},
	{"what must never happen happens", invariant.Availability, invariant.Broken, func(h *history.History) {
		insert(h, 15*time.Second, ms, history.Op{Kind: history.Register, Outcome: history.OK, Code: 201})
	}},
	{"too few reads to tell", invariant.Availability, invariant.Invalid, func(h *history.History) {
		h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool {
			return o.Kind == history.Seats && o.Call > 11*time.Second && o.Call < 20*time.Second
		})
	}},
	{"too few refusals to tell", invariant.Availability, invariant.Invalid, func(h *history.History) {
		h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Kind == history.Register })
	}},

	{"an answer takes for ever", invariant.NoHang, invariant.Broken, func(h *history.History) {
		o := purchaseOf(h, "lock-n")
		o.Return = o.Call + 4*time.Second
	}},

	{"failures go on after the heal", invariant.Recovery, invariant.Broken, func(h *history.History) {
		insert(h, 25*time.Second, ms, history.Op{Kind: history.Seats, Outcome: history.Refused, Code: 503})
	}},
	{"nothing works after the heal", invariant.Recovery, invariant.Broken, func(h *history.History) {
		for i := range h.Ops {
			if o := &h.Ops[i]; o.Kind == history.Seats && o.Call > 20*time.Second {
				o.Outcome, o.Code = history.Refused, 503
			}
		}
		insert(h, 31*time.Second, ms, history.Op{Kind: history.Seats, Outcome: history.Refused, Code: 503})
	}},
	{"the first success is late", invariant.Recovery, invariant.Broken, func(h *history.History) {
		h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Kind == history.Seats && o.Call > 20*time.Second })
		for range 5 { // asked in time, answered late, though within NoHang's limit
			insert(h, 22300*ms, 900*ms, history.Op{Kind: history.Seats, Outcome: history.OK, Code: 200})
		}
	}},
	{"the first question is late", invariant.Recovery, invariant.Invalid, func(h *history.History) {
		h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Kind == history.Seats && o.Call > 20*time.Second })
		for range 5 {
			insert(h, 25*time.Second, ms, history.Op{Kind: history.Seats, Outcome: history.OK, Code: 200})
		}
	}},
	{"nobody watched for long enough", invariant.Recovery, invariant.Invalid, func(h *history.History) {
		h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Kind == history.Seats && o.Call > 20*time.Second })
		for range 5 {
			insert(h, 21*time.Second, ms, history.Op{Kind: history.Seats, Outcome: history.OK, Code: 200})
		}
	}},
	{"nobody came after the heal", invariant.Recovery, invariant.Invalid, func(h *history.History) {
		h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Kind == history.Seats && o.Call > 20*time.Second })
	}},

	{"the fault was not felt", invariant.NonVacuity, invariant.Invalid, func(h *history.History) { h.Faults[0].Bit = false }},
	{"the fault was not read back", invariant.NonVacuity, invariant.Invalid, func(h *history.History) { h.Faults[0].ReadBack = "" }},
	{"the fault was in error", invariant.NonVacuity, invariant.Invalid, func(h *history.History) { h.Faults[0].Error = "link gone" }},
	{"the queue never grew", invariant.NonVacuity, invariant.Invalid, func(h *history.History) {
		for _, s := range h.Samples {
			s.Values["queue_ready"] = 9
		}
	}},
	{"nobody sampled", invariant.NonVacuity, invariant.Invalid, func(h *history.History) {
		for i := range h.Samples {
			delete(h.Samples[i].Values, "queue_ready")
		}
	}},

	{"the hall shows a seat too many as sold", invariant.Conservation, invariant.Broken, func(h *history.History) { h.Ledger.Hall.Sold++; h.Ledger.Hall.Free-- }},
	{"a seat of the hall has vanished", invariant.Conservation, invariant.Broken, func(h *history.History) { h.Ledger.Hall.Free-- }},
	{"a seat at half its price", invariant.Conservation, invariant.Broken, func(h *history.History) { rowFor(h, "lock-c").AmountCents /= 2 }},

	{"a seat was sold twice for a moment", invariant.NoDoubleSale, invariant.Broken, func(h *history.History) { h.Samples[6].Values["double_sold"] = 1 }},
	{"a purchase was sold in part for a moment", invariant.NoDoubleSale, invariant.Broken, func(h *history.History) { h.Samples[6].Values["half_sold"] = 1 }},

	{"confirmed, then queued", invariant.TerminalMonotone, invariant.Broken, func(h *history.History) {
		insert(h, 27*time.Second, ms, history.Op{Kind: history.Status, Outcome: history.OK, Code: 200, Transaction: tx("lock-b"), State: "queued"})
	}},
	{"accepted, then unknown", invariant.TerminalMonotone, invariant.Broken, func(h *history.History) {
		insert(h, 15*time.Second, ms, history.Op{Kind: history.Status, Outcome: history.Refused, Code: 404, Problem: "no_purchase", Transaction: tx("lock-c")})
	}},

	{"an accepted purchase is a dead letter", invariant.QueueAccounted, invariant.Broken, func(h *history.History) { h.Ledger.DeadID = []string{tx("lock-c")} }},

	{"taken, and nobody has it", invariant.LockLinear, invariant.Broken, func(h *history.History) {
		insert(h, 16*time.Second, ms, conflictOp([]string{"Y-7"}))
	}},
	{"a hold never lapses", invariant.LockLinear, invariant.Broken, func(h *history.History) {
		insert(h, 3*time.Second, ms, lockOp("lock-l", []string{"Y-7"}, 2*time.Second))
		insert(h, 9*time.Second, ms, conflictOp([]string{"Y-7"}))
	}},
	{"a hold is over before its time", invariant.LockLinear, invariant.Broken, func(h *history.History) {
		insert(h, 3*time.Second, ms, lockOp("lock-l", []string{"Y-7"}, 60*time.Second))
		insert(h, 5*time.Second, ms, history.Op{Kind: history.Extend, LockID: "lock-l", Outcome: history.Refused, Code: 410, Claim: "none", Problem: "lock_lapsed"})
	}},
	{"a hold that is over is extended", invariant.LockLinear, invariant.Broken, func(h *history.History) {
		insert(h, 3*time.Second, ms, lockOp("lock-l", []string{"Y-7"}, time.Second))
		insert(h, 9*time.Second, ms, history.Op{Kind: history.Extend, LockID: "lock-l", Outcome: history.OK, Code: 200, Expires: time.Second})
	}},
	{"a seat is given back that another has", invariant.LockLinear, invariant.Broken, func(h *history.History) {
		insert(h, 3*time.Second, ms, lockOp("lock-l", []string{"Y-7"}, 2*time.Second))
		insert(h, 6*time.Second, ms, lockOp("lock-k", []string{"Y-7"}, 60*time.Second))
		insert(h, 9*time.Second, ms, history.Op{Kind: history.Release, LockID: "lock-l", Outcome: history.OK, Code: 204})
	}},
	{"released and taken change places", invariant.LockLinear, invariant.Broken, func(h *history.History) {
		insert(h, 3*time.Second, ms, lockOp("lock-l", []string{"Y-7"}, 60*time.Second))
		insert(h, 4*time.Second, ms, history.Op{Kind: history.Release, LockID: "lock-l", Outcome: history.OK, Code: 204})
		insert(h, 5*time.Second, ms, conflictOp([]string{"Y-7"}))
	}},

	{"two are taken, and nobody has either", invariant.LockLiveness, invariant.Broken, func(h *history.History) {
		insert(h, 16*time.Second, ms, conflictOp([]string{"Y-7", "Y-8"}))
	}},
	{"two are taken by what ended long ago", invariant.LockLiveness, invariant.Broken, func(h *history.History) {
		insert(h, 3*time.Second, ms, lockOp("lock-l", []string{"Y-7", "Y-8"}, 2*time.Second))
		insert(h, 9*time.Second, ms, conflictOp([]string{"Y-7", "Y-8"}))
	}},
	{"two are taken by what was given back", invariant.LockLiveness, invariant.Broken, func(h *history.History) {
		insert(h, 3*time.Second, ms, lockOp("lock-l", []string{"Y-7", "Y-8"}, 60*time.Second))
		insert(h, 4*time.Second, ms, history.Op{Kind: history.Release, LockID: "lock-l", Outcome: history.OK, Code: 204})
		insert(h, 9*time.Second, ms, conflictOp([]string{"Y-7", "Y-8"}))
	}},
	{"held for ever, for nobody", invariant.LockLiveness, invariant.Broken, func(h *history.History) { h.Ledger.Held[1].TTL = -1 }},
	{"held for longer than anybody was promised", invariant.LockLiveness, invariant.Broken, func(h *history.History) { h.Ledger.Held[1].TTL = time.Hour }},
	{"held by what has ended", invariant.LockLiveness, invariant.Broken, func(h *history.History) { h.Ledger.Held[1].Lock = "lock-c" }},
	{"held by what is rejected, as its record says", invariant.LockLiveness, invariant.Broken, func(h *history.History) { h.Ledger.Held[1].State = "rejected" }},

	{"a read is older than promised", invariant.StaleBound, invariant.Broken, func(h *history.History) {
		insert(h, 27*time.Second, ms, history.Op{Kind: history.Event, Outcome: history.OK, Code: 200, Version: 1, Age: 20 * time.Second})
	}},
	{"a sold seat is shown free", invariant.StaleBound, invariant.Broken, func(h *history.History) {
		insert(h, 27*time.Second, ms, mapOp(0b110010))
	}},
	{"the event is never updated", invariant.StaleBound, invariant.Invalid, func(h *history.History) {
		h.Updates = nil
		for i := range h.Ops {
			h.Ops[i].Version = 0
		}
	}},
	{"nobody reads the event", invariant.StaleBound, invariant.Invalid, func(h *history.History) {
		h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Kind == history.Event })
	}},
	{"nobody notes a seat map", invariant.StaleBound, invariant.Invalid, func(h *history.History) {
		for i := range h.Ops {
			h.Ops[i].Free = nil
		}
	}},

	{"a version that nobody wrote", invariant.NoTimeTravel, invariant.Broken, func(h *history.History) {
		find(h, func(o history.Op) bool { return o.Kind == history.Event && o.Version == 2 }).Version = 3
	}},
	{"a version before it was written", invariant.NoTimeTravel, invariant.Broken, func(h *history.History) {
		find(h, func(o history.Op) bool { return o.Kind == history.Event && o.Call == 13*time.Second }).Version = 2
	}},
	{"a read claims to be fresh", invariant.NoTimeTravel, invariant.Broken, func(h *history.History) {
		find(h, func(o history.Op) bool { return o.Kind == history.Event && o.Call == 19*time.Second }).Age = 0
	}},

	{"a forgery is honoured", invariant.AuthSafety, invariant.Broken, func(h *history.History) {
		f := find(h, func(o history.Op) bool { return o.Kind == history.Forge })
		f.Outcome, f.Code = history.OK, 200
	}},
	{"a forgery gets past the door", invariant.AuthSafety, invariant.Broken, func(h *history.History) {
		find(h, func(o history.Op) bool { return o.Kind == history.Forge }).Code = 409
	}},

	{"what the fault does not touch is slow", invariant.Isolation, invariant.Broken, func(h *history.History) {
		find(h, func(o history.Op) bool { return o.Kind == history.Events && o.Call == 12*time.Second }).Intended -= 30 * ms
	}},
	{"too few to compare", invariant.Isolation, invariant.Invalid, func(h *history.History) {
		h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Kind == history.Events && o.Call == 12*time.Second })
	}},

	{"reads are repeated without measure", invariant.RetryBudget, invariant.Broken, func(h *history.History) {
		for i := 6; i < len(h.Samples); i++ {
			h.Samples[i].Values["requests:app-1"] += 900
		}
	}},
	{"a storm of connections", invariant.RetryBudget, invariant.Broken, func(h *history.History) {
		for i := 6; i < len(h.Samples); i++ {
			h.Samples[i].Values["accepted:app-1_redis"] += 50
		}
	}},
	{"nobody counts requests", invariant.RetryBudget, invariant.Invalid, func(h *history.History) {
		for i := range h.Samples {
			delete(h.Samples[i].Values, "requests:app-1")
		}
	}},
	{"nobody counts connections", invariant.RetryBudget, invariant.Invalid, func(h *history.History) {
		for i := range h.Samples {
			delete(h.Samples[i].Values, "accepted:app-1_redis")
		}
	}},

	{"a program goes round its proxy", invariant.NoBypass, invariant.Invalid, func(h *history.History) { h.Ledger.Peers[0].Proxied = false }},

	{"a program has crashed", invariant.NoLeak, invariant.Broken, func(h *history.History) { h.Ledger.Died = []string{"app-1: panic: nil map"} }},
	{"goroutines are left", invariant.NoLeak, invariant.Broken, func(h *history.History) { h.Ledger.After["goroutines:app-1"] = 176 }},

	{"never healed", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Faults[0].Healed = 0 }},
	{"no ledger", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Ledger = nil }},
	{"no load", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Ops = nil }},
	{"nothing ever worked", invariant.Sound, invariant.Invalid, func(h *history.History) {
		for i := range h.Ops {
			h.Ops[i].Outcome = history.Refused
		}
	}},
	{"cut short", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Complete = false }},
	{"cut off", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Truncated = true }},
	{"drained too early", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Ledger.At = 15 * time.Second }},
	{"an op never returned", invariant.Sound, invariant.Invalid, func(h *history.History) {
		o := purchaseOf(h, "lock-u")
		o.Outcome, o.Return = "", 0
	}},
	{"a phase never ended", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Phases[2].End = 0 }},
	{"a phase ended before it began", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Phases[1].End = time.Second }},
	{"an op id twice", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Ops[3].ID = h.Ops[2].ID }},
	{"the clock went back", invariant.Sound, invariant.Invalid, func(h *history.History) {
		last := &h.Ops[len(h.Ops)-1]
		last.Call, last.Intended = ms, ms
	}},
	{"an answer before its question", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Ops[0].Return = h.Ops[0].Call - 1 }},
	{"one process, two ops at once", invariant.Sound, invariant.Invalid, func(h *history.History) {
		o := purchaseOf(h, "lock-c")
		insert(h, o.Call+(o.Return-o.Call)/2, ms, history.Op{Kind: history.Login, Outcome: history.OK, Code: 200})
		find(h, func(o history.Op) bool { return o.Kind == history.Login }).Process = purchaseOf(h, "lock-c").Process
	}},
	{"a purchase without a name", invariant.Sound, invariant.Invalid, func(h *history.History) { purchaseOf(h, "lock-c").Transaction = "" }},
	{"a lock without a name", invariant.Sound, invariant.Invalid, func(h *history.History) {
		find(h, func(o history.Op) bool { return o.LockID == "lock-c" }).LockID = ""
	}},
	{"a fault out of order", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Faults[0].InForce = 30 * time.Second }},
	{"a fault recorded twice", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Faults = append(h.Faults, h.Faults[0]) }},
	{"no spec", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Meta.Spec = nil }},
	{"a promise nobody knows", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Meta.Spec = []byte(`{"luck":1}`) }},
	{"no witnesses", invariant.Sound, invariant.Invalid, func(h *history.History) { h.Meta.Spec = []byte(`{}`) }},
}

func flipped(r invariant.Report) []string {
	var names []string
	for _, f := range r.Failed() {
		if !slices.Contains(names, f.Invariant) {
			names = append(names, f.Invariant)
		}
	}
	return names
}

func TestEachMutantFlipsExactlyItsInvariant(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				h := drawGreen(t)
				m.change(&h)
				if m.flips != invariant.Conservation && h.Ledger != nil {
					recount(&h)
				}
				r := invariant.Judge(h)
				require.Equal(t, []string{m.flips}, flipped(r), "%v", r.Failed())
				require.Equal(t, m.verdict, r.Verdict)
				for _, f := range r.Failed() {
					require.NotEmpty(t, f.Detail)
					require.Equal(t, m.verdict, f.Verdict)
				}
			})
		})
	}
}

func TestEveryInvariantHasAMutant(t *testing.T) {
	r := invariant.Judge(rapid.Custom(drawGreen).Example(1))
	for _, f := range r.Findings {
		require.True(t, slices.ContainsFunc(mutants, func(m mutant) bool {
			return m.flips == f.Invariant
		}), "no mutant flips %s", f.Invariant)
	}
}

// TestEveryInvariantIsExplained in both languages, and the report names no other.
func TestEveryInvariantIsExplained(t *testing.T) {
	names := map[string]bool{}
	for _, i := range invariant.All() {
		require.False(t, names[i.Name], i.Name)
		names[i.Name] = true
		require.NotEqual(t, i.EN, i.ES)
		require.True(t, strings.HasSuffix(i.EN, ".") && strings.HasSuffix(i.ES, "."), i.Name)
		require.True(t, slices.ContainsFunc(mutants, func(m mutant) bool { return m.flips == i.Name }), "no mutant flips %s", i.Name)
	}
	for _, f := range invariant.Judge(plain()).Findings {
		require.True(t, names[f.Invariant], f.Invariant)
	}
}

// TestWhatIsNotLookedAtIsSaid, and is invalid where the spec wants it looked at.
func TestWhatIsNotLookedAtIsSaid(t *testing.T) {
	h := plain()
	h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool {
		return o.Kind == history.Forge || o.Kind == history.Event || len(o.Seats) > 1 && o.Code == 409
	})
	l := h.Ledger
	h.Updates, l.Held, l.Hall, l.Peers, l.After = nil, nil, nil, nil, nil
	s := spec()
	s.Stale = nil
	for _, name := range []string{invariant.Conservation, invariant.LockLiveness, invariant.NoTimeTravel, invariant.AuthSafety, invariant.NoBypass, invariant.NoLeak} {
		s.Examine = nil
		f := invariant.JudgeBy(h, s).Of(name)[0]
		require.Equal(t, invariant.Pass, f.Verdict)
		require.Contains(t, f.Detail, "not judged")
		s.Examine = []string{name}
		require.Equal(t, []string{name}, flipped(invariant.JudgeBy(h, s)))
	}
}

func TestAViolationIsProvenEvenByAnUnfinishedDrill(t *testing.T) {
	h := rapid.Custom(drawGreen).Example(1)
	land(&h, "lock-nobody", "Y-9")
	h.Complete = false
	r := invariant.Judge(h)
	require.Equal(t, invariant.Broken, r.Verdict)
	require.Equal(t, []string{invariant.NoPhantom, invariant.Sound}, flipped(r))
}

func TestWhatIsMissingIsNotMissedInAnUnfinishedDrill(t *testing.T) {
	h := rapid.Custom(drawGreen).Example(1)
	forget(&h, "lock-c")
	delete(h.Ledger.Effects, tx("lock-b"))
	h.Complete = false
	r := invariant.Judge(h)
	require.Equal(t, invariant.Invalid, r.Verdict)
	require.Equal(t, []string{invariant.Sound}, flipped(r))
}

func TestAnyCutOfAJournalIsInvalid(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, history.Write(&b, rapid.Custom(drawGreen).Example(2)))
	whole := b.Bytes()
	rapid.Check(t, func(t *rapid.T) {
		h, err := history.Read(bytes.NewReader(whole[:rapid.IntRange(0, len(whole)-1).Draw(t, "cut")]))
		require.NoError(t, err)
		require.Equal(t, invariant.Invalid, invariant.Judge(h).Verdict)
	})
}

func TestScenarioMayAllowWhatItProvokes(t *testing.T) {
	h := rapid.Custom(drawGreen).Example(1)
	for _, m := range mutants {
		if m.flips == invariant.AcceptConflict {
			m.change(&h)
		}
	}
	recount(&h)
	h.Ledger.DeadLetter = 2
	s := spec()
	s.AcceptedMayLose, s.DeadLetters = true, 2
	require.Empty(t, invariant.JudgeBy(h, s).Failed())
}
