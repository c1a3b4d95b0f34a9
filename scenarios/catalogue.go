// Package scenarios is the catalogue: what EventFlow claims to survive, each
// claim with the drill that tries to refute it.
//
// Scenarios are data. This package must not know how a drill is carried out, on
// which stack, or who judges it.
package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/traffic"
)

// All is every scenario, in the order in which they are played: the calm one
// first, since nothing that follows means anything if it fails.
func All() []lab.Scenario {
	return []lab.Scenario{
		Calm(),
		PostgresCut(),
		PostgresHangs(),
		PostgresSlow(),
		PostgresLoseReplies(),
		CommitArrivesLate(),
		PostgresKilled(),
		PurchaseOutlivesHold(),
		ZombieTransaction(),
		RedisCut(),
		RedisHangs(),
		LockReplyLost(),
		RedisForgets(),
		RedisSlow(),
		RabbitMQCut(),
		ConfirmLost(),
		AckLost(),
		BrokerKilled(),
		BrokerMemoryAlarm(),
		BrokerPaused(),
		ConsumerCrashes(),
		PoisonMessages(),
		SamePurchaseManyTimes(),
		PartialPartition(),
		RotatingDirections(),
		NodeKilled(),
		ColdReadsHang(),
		ClocksDiffer(),
		EverythingCut(),
		HotKeyExpires(),
		AuthGone(),
		FlappingLinks(),
		CutInMidFrame(),
		QueueDeleted(),
		ConsumerLosesBroker(),
		TwoStoresCut(),
		StaleWrites(),
		ForgedTokens(),
		App2LosesRedis(),
	}
}

// The load of a drill. Two cores carry EventFlow, its stores and its buyers: this
// is about a third of what they can do, so that what is slow is slow by the
// fault's doing.
func crowd(seed uint64) traffic.Sale {
	return traffic.Sale{
		Seats: 800, Buyers: 15, Readers: 250, Registers: 3,
		HotSeats: 12, HotShare: 0.3, RegisterShare: 0.05,
		PurchaseShare: 0.85, AbandonShare: 0.1, ExtendShare: 0.1, Seed: seed,
	}
}

// quieter is the crowd with half its readers, for scenarios that promise little
// about reads: it leaves the processor to what they are about.
func quieter(seed uint64) traffic.Sale {
	sale := crowd(seed)
	sale.Readers = 120
	return sale
}

// warmReads is how many reads of a warm seat map a phase must have seen for
// "99.9 %" to mean something: two may fail.
const warmReads = 2000

func seconds(n float64) invariant.Duration {
	return invariant.Duration(n * float64(time.Second))
}

// around frames phases with faults with a calm start and a recovery. The recovery
// is longer than the longest wait between two tries of a buyer, so that everybody
// who was turned away comes back within it.
func around(middle ...lab.Phase) []lab.Phase { return recovering(4.2, middle...) }

// recovering is around with a recovery of so many seconds: what may take five to
// come back has to be watched for longer than five.
func recovering(s float64, middle ...lab.Phase) []lab.Phase {
	frame := []lab.Phase{{Name: "baseline", For: seconds(2)}}
	return append(append(frame, middle...), lab.Phase{Name: "recovered", For: seconds(s)})
}

// The answers that bounds speak of.
func ok200() invariant.Match    { return invariant.Match{Code: []int{200}} }
func accepted() invariant.Match { return invariant.Match{Code: []int{202}} }

// fromSource is a read that was answered by "cache" or by "database".
func fromSource(source string) invariant.Match {
	return invariant.Match{Code: []int{200}, Source: []string{source}}
}

// honestly is a 503 that says that nothing happened.
func honestly() invariant.Match {
	return invariant.Match{Code: []int{503}, Claim: []string{history.ClaimNone}}
}

// served is an answer by the shop's own rules: taken, or taken already.
func served(codes ...int) invariant.Match { return invariant.Match{Code: codes} }

// fast promises what a warm read always owes its reader: 99.9 % within 300 ms.
func fast(phase string, kind history.Kind, want invariant.Match) invariant.Bound {
	return atLeast(0.999, "warm reads", phase, kind, want, 300*time.Millisecond, warmReads)
}

func atLeast(ratio float64, name, phase string, kind history.Kind, want invariant.Match, within time.Duration, minOps int) invariant.Bound {
	return invariant.Bound{
		Name: name, Phase: phase, Kind: kind, Want: want,
		Limit: invariant.AtLeast, Ratio: ratio, Within: invariant.Duration(within), MinOps: minOps,
	}
}

func never(name, phase string, kind history.Kind, unwanted invariant.Match, minOps int) invariant.Bound {
	return invariant.Bound{Name: "never " + name, Phase: phase, Kind: kind, Want: unwanted, Limit: invariant.AtMost, MinOps: minOps}
}

// noHang is limits for everything that a buyer may ask.
func noHang() map[history.Kind]invariant.Duration {
	return limits(
		history.Enter, history.Register, history.Events, history.Seats, history.Lock,
		history.Extend, history.Release, history.Purchase, history.Status,
	)
}

// limits is the ladder's last rung but one, for the kinds of op that a sale really
// makes: nginx has given up after 2 s, so a buyer who waits longer waits for nothing.
func limits(kinds ...history.Kind) map[history.Kind]invariant.Duration {
	chosen := map[history.Kind]invariant.Duration{}
	for _, kind := range kinds {
		chosen[kind] = seconds(2.5)
	}
	return chosen
}

func conflicts(n int64) invariant.Witness {
	return invariant.Witness{
		Name: "locks refused because the seat was taken", Measure: invariant.CountOps, Kind: history.Lock,
		Match: invariant.Match{Code: []int{409}}, Min: n,
	}
}

func bit(phase string) invariant.Witness {
	return invariant.Witness{Name: "faults that were read back and felt", Measure: invariant.CountFaults, Phase: phase, Min: 1}
}

func count(name, phase string, kind history.Kind, m invariant.Match, n int64) invariant.Witness {
	return invariant.Witness{Name: name, Measure: invariant.CountOps, Phase: phase, Kind: kind, Match: m, Min: n}
}

func back(kind history.Kind, first, last float64, minOps int) invariant.RecoveryBound {
	return invariant.RecoveryBound{Kind: kind, First: seconds(first), Last: seconds(last), MinOps: minOps}
}
