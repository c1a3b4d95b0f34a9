package traffic

import (
	"context"
	"fmt"
	"sync"
	"time"

	"eventflow/scenarios/history"

	"golang.org/x/sync/errgroup"
)

// run is one sale in one shop.
type run struct {
	sale Sale
	shop *Shop
	hall []string // the seats for sale, in the hall's order
	rest []string // the seats behind them: for journeys and for forgers to want
	maps *sampler

	// Had before the doors opened; empty: nobody needs them.
	member account
	guests []string // tokens
	forger *forger

	sessions sync.WaitGroup
	mu       sync.Mutex
	doubts   []pending
}

// Run plays the sale in the shop at baseURL, as Shop.Run does.
func Run(ctx context.Context, sale Sale, baseURL string, rec Recorder) (Stats, error) {
	shop := Open(baseURL, rec)
	defer shop.Close()
	return shop.Run(ctx, sale)
}

// Run plays the sale until ctx ends. Then nobody arrives any more, ops under way
// are finished (each within Timeout), and buyers in doubt come back for their
// purchase, for at most Linger. It fails if the sale makes no sense, or if what
// has to be ready before anybody arrives can not be had from the shop: the hall,
// a member's account, guests' tokens.
func (s *Shop) Run(ctx context.Context, sale Sale) (Stats, error) {
	if err := sale.Validate(); err != nil {
		return Stats{}, err
	}
	r := &run{sale: sale.withDefaults(), shop: s}
	if err := r.prepare(ctx); err != nil {
		return s.Stats(), err
	}
	r.stream(ctx, "buyers", r.poisson("arrivals", sale.Buyers), r.visit)
	r.stream(ctx, "readers", even(sale.Readers), r.read)
	r.stream(ctx, "registers", even(sale.Registers), r.register)
	r.stream(ctx, "watchers", even(sale.Watchers), r.watch)
	r.stream(ctx, "cold", even(sale.Cold), r.askCold)
	r.stream(ctx, "logins", even(sale.Logins), r.logIn)
	r.stream(ctx, "forgers", even(sale.Forgers), r.forge)
	r.sessions.Wait()
	r.forger.giveBack(context.WithoutCancel(ctx))
	r.comeBack(context.WithoutCancel(ctx))
	return s.Stats(), nil
}

// prepare gets ready what the sale needs before anybody arrives, from a healthy
// shop. Its ops are part of the history.
func (r *run) prepare(ctx context.Context) error {
	for _, step := range []struct {
		needed bool
		do     func(context.Context) error
	}{
		{true, r.learnHall},
		{r.sale.OldTokens, r.letGuestsIn},
		{r.sale.Logins > 0 || r.sale.Forgers > 0, r.openAccount},
		{r.sale.Forgers > 0, r.letForgersIn},
	} {
		if !step.needed {
			continue
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// learnHall reads the seat map once, from a healthy shop: who buys has seen the
// hall.
func (r *run) learnHall(ctx context.Context) error {
	op, m := r.shop.person(0, r.sale.Timeout).seats(ctx, history.Op{Event: r.sale.Event}, nil)
	if op.Outcome != history.OK {
		return fmt.Errorf("learn the hall of event %d: %s", r.sale.Event, told(op))
	}
	hall, _ := m.flat()
	if r.sale.Seats > len(hall) || len(hall) <= kept {
		return fmt.Errorf("sale of %d seats, %d kept back: event %d has %d", r.sale.Seats, kept, r.sale.Event, len(hall))
	}
	forSale := hall[:len(hall)-kept]
	r.hall = forSale[:min(fallback(r.sale.Seats, len(forSale)), len(forSale))]
	r.rest = hall[len(r.hall):]
	r.shop.recorder.Hall(hall)
	r.maps = newSampler(hall, r.sale.MapEvery)
	return nil
}

// told is an op's answer in words.
func told(op history.Op) string {
	return fmt.Sprintf("%s %s: status %d %s %s", op.Kind, op.Outcome, op.Code, op.Problem, op.Error)
}

// stream starts a session at every intended time, whether or not earlier ones
// have ended: an open loop. When MaxOpen are under way the arrival is shed.
func (r *run) stream(ctx context.Context, name string, gap func() time.Duration, serve func(context.Context, int, time.Duration)) {
	if gap == nil {
		return
	}
	places := make(chan struct{}, r.sale.MaxOpen)
	next := r.shop.recorder.Now()
	r.sessions.Go(func() {
		for n := 1; ; n++ {
			next += gap()
			if !r.until(ctx, next) {
				return
			}
			r.admit(ctx, name, places, n, next, serve)
		}
	})
}

// admit lets arrival n in, or sheds it.
func (r *run) admit(ctx context.Context, name string, places chan struct{}, n int, intended time.Duration, serve func(context.Context, int, time.Duration)) {
	lag := r.shop.recorder.Now() - intended
	select {
	case places <- struct{}{}:
	default:
		r.shop.tally.stream(name, func(s *StreamStats) { s.Shed++ })
		return
	}
	r.shop.tally.stream(name, func(s *StreamStats) { s.Arrived++; s.Open++; s.Lag = max(s.Lag, lag) })
	r.sessions.Go(func() {
		defer func() {
			<-places
			r.shop.tally.stream(name, func(s *StreamStats) { s.Open-- })
		}()
		serve(ctx, n, intended)
	})
}

// poisson draws gaps between people who do not know of each other; nil: nobody.
func (r *run) poisson(purpose string, rate float64) func() time.Duration {
	if rate <= 0 {
		return nil
	}
	chance := stream(r.sale.Seed, purpose, 0)
	return func() time.Duration { return time.Duration(chance.ExpFloat64() / rate * float64(time.Second)) }
}

// even is a metronome; nil: never.
func even(rate float64) func() time.Duration {
	if rate <= 0 {
		return nil
	}
	return func() time.Duration { return time.Duration(float64(time.Second) / rate) }
}

// read is one look at the seat map.
func (r *run) read(ctx context.Context, _ int, intended time.Duration) {
	r.shop.person(0, r.sale.Timeout).seats(ctx, history.Op{Event: r.sale.Event, Intended: intended}, r.maps.next())
}

// watch is one look at the event's own data.
func (r *run) watch(ctx context.Context, _ int, intended time.Duration) {
	r.shop.person(0, r.sale.Timeout).event(ctx, history.Op{Event: r.sale.Event, Intended: intended})
}

// register opens the nth account. Nobody retries it: every phase of a drill
// shall see plain answers.
func (r *run) register(ctx context.Context, n int, intended time.Duration) {
	name := fmt.Sprintf("member-%d-%d-%d", r.sale.Event, r.sale.Seed, n)
	r.shop.person(0, r.sale.Timeout).register(ctx, history.Op{Intended: intended}, newAccount(name))
}

// leave remembers a buyer in doubt.
func (r *run) leave(p pending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubts = append(r.doubts, p)
}

// comeBack lets every buyer in doubt ask again, a few at a time. Without them a
// message lost on its way to the queue would hold its seats until the shop gives
// the purchase up, and no drain would end.
func (r *run) comeBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.sale.Linger)
	defer cancel()
	r.shop.tally.update(func(s *Stats) { s.Returns += len(r.doubts) })
	var group errgroup.Group
	group.SetLimit(32)
	for _, p := range r.doubts {
		group.Go(func() error {
			if !r.resolve(ctx, p) {
				r.shop.tally.update(func(s *Stats) { s.Left++ })
			}
			return nil
		})
	}
	_ = group.Wait() // no member fails: who stays in doubt is counted
}

// resolve asks until the purchase is known to be accepted or refused for good.
func (r *run) resolve(ctx context.Context, p pending) bool {
	who := r.shop.person(p.buyer, r.sale.Timeout)
	who.token = p.token
	b := &buyer{run: r, choice: r.sale.choose(p.buyer, len(r.hall)), person: who}
	var op history.Op
	for n := 0; ctx.Err() == nil; n++ {
		op = who.purchase(ctx, history.Op{Event: r.sale.Event, Seats: p.seats, LockID: p.lock, Attempt: p.attempt + n})
		if !again(op) {
			return true
		}
		if _, ok := b.pause(ctx, b.choice.backoff(r.sale, min(n, 1))); !ok {
			return false
		}
	}
	return false
}

// until waits for an offset of the history. It says false when ctx ends first.
func (r *run) until(ctx context.Context, at time.Duration) bool {
	timer := time.NewTimer(at - r.shop.recorder.Now())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
