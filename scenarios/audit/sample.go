package audit

import (
	"context"
	"maps"
	"sync"

	"eventflow/scenarios/history"
)

// Sample looks at every source at once, for 400 ms at most. A value whose source
// did not answer in time is not in the map:
//
//	queue_ready, queue_unacked, queue_dead   messages, at most Config.QueueLag old
//	queue_total                              ready and unacked: not yet in the ledger
//	ledger_rows                              purchases in the ledger, all events
//	double_sold                              seats of the sale that more than one CONFIRMED purchase lists
//	half_sold                                seats of the sale by which its CONFIRMED purchases and its sold seats differ
//	purchasing                               purchases that Redis counts as under way
//	consumer_received, consumer_redelivered  deliveries; rise over restarts too
//	consumer_duplicates                      deliveries whose purchase the ledger had already
//	consumer_inflight                        deliveries held now
//	cache_hits, cache_stale, cache_misses    reads answered from Redis, late, or after a read of the store
//	cache_direct                             reads of the store because Redis did not answer
//	lock_conflicts, lock_unknown             locks refused because a seat was taken; outcome unknown to the node
//	publish_accepted, publish_unknown        purchases confirmed by the broker; outcome unknown to the node
//	store_reads                              reads of PostgreSQL by the nodes that it answered
//	epoch_rebuilds                           times that Redis was filled from the ledger
//	requests:<program>                       HTTP requests ever answered by the program
//	goroutines:<program>, fds:<program>      in the program now; open file descriptors
//	accepted:<link>                          connections ever accepted by the link's proxy
//	connections:<store>                      of postgres and redis now, of rabbitmq up to 5 s ago; observers left out
//
// What programs count is summed over all of them, where no program is named. A counter's first sample may be
// missing: a program tells a metric once there is something to tell.
func (a *Auditor) Sample(ctx context.Context) map[string]float64 {
	ctx, cancel := context.WithTimeout(ctx, lookDeadline)
	defer cancel()
	values := map[string]float64{}
	var mu sync.Mutex
	var all sync.WaitGroup
	look := func(source func() map[string]float64) {
		all.Go(func() {
			seen := source()
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(values, seen)
		})
	}
	look(func() map[string]float64 { return a.scrape(ctx) })
	look(func() map[string]float64 {
		d, err := a.queues(ctx)
		if err != nil {
			return nil
		}
		return map[string]float64{"queue_ready": float64(d.Ready), "queue_unacked": float64(d.Unacked), "queue_dead": float64(d.DeadLetter), "queue_total": float64(d.Ready + d.Unacked)}
	})
	look(func() map[string]float64 { return a.ledgerNow(ctx) })
	look(func() map[string]float64 { return one("connections:" + postgresStore)(a.postgresConnections(ctx)) })
	look(func() map[string]float64 { return one("connections:" + redisStore)(count(a.redisPeers(ctx))) })
	look(func() map[string]float64 { return one("connections:" + rabbitStore)(count(a.rabbitPeers(ctx))) })
	look(func() map[string]float64 {
		n, err := a.redis.ZCard(ctx, purchasingKey).Result()
		return one("purchasing")(int(n), err)
	})
	all.Wait()
	return values
}

// one is a sample of one value, or of none.
func one(name string) func(int, error) map[string]float64 {
	return func(n int, err error) map[string]float64 {
		if err != nil {
			return nil
		}
		return map[string]float64{name: float64(n)}
	}
}

func count(peers []history.Peer, err error) (int, error) { return len(peers), err }
