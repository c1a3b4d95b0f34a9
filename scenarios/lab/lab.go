package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"eventflow/scenarios/audit"
	"eventflow/scenarios/history"
	"eventflow/scenarios/machine"
	"eventflow/scenarios/report"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/tamper"
	"eventflow/scenarios/traffic"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// Deadlines of the lab's own steps. They bound a drill on a broken stack; on a
// sound one each step takes a small part of its deadline.
const (
	healDeadline  = 15 * time.Second // every link of the map, with its round trip
	applyDeadline = 10 * time.Second
	drainDeadline = 60 * time.Second
	auditDeadline = 20 * time.Second
	steadyTimeout = 30 * time.Second
	sampleEvery   = 250 * time.Millisecond
	// leaseTTL is how long a fault outlives a lab that was killed. It is renewed at
	// a third of that, so that a busy machine may be late by seconds.
	leaseTTL = 6 * time.Second
	// reviveDeadline is for one service that is started again; RabbitMQ, the slowest,
	// takes two seconds, and half a minute beside compilers on two cores.
	reviveDeadline = 60 * time.Second
	// quiesce outlasts, counted from the last heal, every effect that can still be
	// under way: the longest deadline of a client is 3 s. Once the sale has ended
	// all of its ops have returned, and the stores need to be quiet for quiet.
	quiesce = 3 * time.Second
	quiet   = time.Second
)

// Event is something that happens in a drill, for whoever watches.
type Event struct {
	Scenario string
	Step     string        // preflight, sale, phase, fault, heal, drain, audit, judge
	Text     string        // one line for people
	Elapsed  time.Duration // since the drill began
}

// Lab runs drills against one stack, one at a time.
type Lab struct {
	Map       topology.Map
	Endpoints stack.Endpoints
	Artifacts string       // folder that gets a folder per drill
	Log       *slog.Logger // nil: nothing is logged
	Watch     func(Event)  // nil: nobody watches
	// DrainFor is how long the stores may take to become quiet after the doors have
	// closed; 0: a minute. What is left then is judged as it is.
	DrainFor time.Duration
	// Logs copies a service's log; nil when the stack keeps none.
	Logs func(context.Context, topology.Name) (io.ReadCloser, error)
	// Exits yields services that ended by themselves; a drill then stops
	// and says so rather than blaming EventFlow. Nil: nobody knows.
	Exits <-chan stack.Exit

	// Processes breaks the stack's own services; nil when the stack cannot.
	Processes stack.Processes

	// Machine tells how much of the processor others use; nil: nobody knows.
	Machine *machine.Meter

	// Restart ends a service and starts it again on its old ports; nil when the
	// stack cannot. Healing needs it when the proxy server itself is stuck.
	Restart func(context.Context, topology.Name) error

	busy sync.Mutex
}

// ErrBusy says that another drill is under way.
var ErrBusy = errors.New("another drill is under way on this stack")

// Run carries the scenario out. An error means that the drill could not be
// carried out and proves nothing; a broken claim is no error but a verdict.
// Whatever happens, the links are whole when Run returns, or the error says
// which are not.
func (l *Lab) Run(ctx context.Context, s Scenario) (res Result, err error) {
	if !l.busy.TryLock() {
		return Result{}, ErrBusy
	}
	defer l.busy.Unlock()
	if err := l.able(s); err != nil {
		return Result{}, err
	}
	asked := len(l.Endpoints.Health) > 0
	if !asked {
		s = s.Uncounted()
	}
	d, err := l.open(ctx, s)
	if err != nil {
		return Result{}, fmt.Errorf("open drill %s: %w", s.Name, err)
	}
	defer func() { err = errors.Join(err, d.close()) }()

	if !asked {
		d.rec.Note("nobody said where EventFlow's programs answer: how often requests are repeated is not judged")
	}
	runErr := d.carryOut(ctx)
	if runErr != nil {
		d.rec.Note("the drill ended early: " + runErr.Error())
	}
	res, err = d.finish(runErr == nil)
	return res, errors.Join(runErr, err)
}

// able says why the scenario cannot be carried out here, if it cannot.
func (l *Lab) able(s Scenario) error {
	if err := s.Validate(l.Map); err != nil {
		return err
	}
	if processes, _ := s.breaks(); processes && (l.Processes == nil || l.Restart == nil) {
		return fmt.Errorf("scenario %q breaks services, and the stack %q cannot do that to its own", s.Name, l.Endpoints.Name)
	}
	return nil
}

// drill is one run of a scenario, with what it has open.
type drill struct {
	*Lab
	scenario Scenario
	dir      string
	began    time.Time
	journal  *os.File
	rec      *history.Recorder
	auditor  *audit.Auditor
	injector *fault.Injector
	meddler  *tamper.Meddler // nil: the scenario leaves the data alone
	phase    atomic.Pointer[string]
	lastHeal time.Time // when the links were last proven whole
	event    int
	heard    uint64        // the proxy server's last event before the drill
	samples  chan struct{} // closed when the sampler has ended
	// revived is when a supervised service had last come up again; only watch looks.
	revived map[topology.Name]time.Time
}

func (l *Lab) open(ctx context.Context, s Scenario) (_ *drill, err error) {
	d := &drill{Lab: l, scenario: s, began: time.Now(), revived: map[topology.Name]time.Time{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	d.injector = NewInjector(l.Map, l.Endpoints, append(l.restartProxies(), fault.Lease("drill "+s.Name, leaseTTL))...)
	if d.auditor, err = audit.Open(ctx, audit.ConfigOf(l.Endpoints)); err != nil {
		return nil, fmt.Errorf("open audit: %w", err)
	}
	if d.event, err = d.openSale(ctx); err != nil {
		return nil, err
	}
	if err = d.openJournal(ctx); err != nil {
		return nil, err
	}
	if _, data := s.breaks(); data {
		if d.meddler, err = tamper.Open(ctx, l.Endpoints, d.event, d.rec); err != nil {
			return nil, fmt.Errorf("open meddler: %w", err)
		}
	}
	return d, nil
}

// NewInjector breaks and heals the links of a running stack.
func NewInjector(m topology.Map, e stack.Endpoints, opts ...fault.Option) *fault.Injector {
	opts = append(opts, fault.Plan(e.Proxies))
	if e.AllowHost != "" {
		opts = append(opts, fault.AllowHost(e.AllowHost))
	}
	return fault.New(e.Toxiproxy, m, func(l topology.Link) string { return e.Links[l.Name()] }, opts...)
}

// restartProxies is the injector's last resort, where the stack offers it.
func (l *Lab) restartProxies() []fault.Option {
	if l.Restart == nil {
		return nil
	}
	return []fault.Option{fault.Restart(func(ctx context.Context) error { return l.Restart(ctx, topology.Toxiproxy) })}
}

func (d *drill) openSale(ctx context.Context) (int, error) {
	event, err := d.auditor.NextEvent(ctx)
	if err != nil {
		return 0, fmt.Errorf("choose a sale: %w", err)
	}
	rows := (d.scenario.Sale.Seats + seatsPerRow - 1) / seatsPerRow
	name := fmt.Sprintf("Drill %s", d.scenario.Name)
	if err := d.auditor.OpenSale(ctx, event, name, rows, seatsPerRow, priceCents); err != nil {
		return 0, fmt.Errorf("open sale %d: %w", event, err)
	}
	return event, nil
}

// The hall of a drill's sale: rows as long as a cinema's, one price.
const (
	seatsPerRow = 40
	priceCents  = 2500
)

func (d *drill) openJournal(ctx context.Context) error {
	d.dir = filepath.Join(d.Artifacts, fmt.Sprintf("%s-%s-%d", d.began.UTC().Format("20060102T150405"), d.scenario.Name, d.scenario.Sale.Seed))
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return fmt.Errorf("make artifacts folder: %w", err)
	}
	var err error
	if d.journal, err = os.Create(filepath.Join(d.dir, report.JournalFile)); err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	meta, err := d.meta(ctx)
	if err != nil {
		return err
	}
	d.rec = history.NewRecorder(d.journal, meta)
	return nil
}

func (d *drill) meta(ctx context.Context) (history.Meta, error) {
	spec, err := json.Marshal(d.scenario.Spec)
	if err != nil {
		return history.Meta{}, fmt.Errorf("encode spec: %w", err)
	}
	plan, err := json.Marshal(d.scenario)
	if err != nil {
		return history.Meta{}, fmt.Errorf("encode plan: %w", err)
	}
	return history.Meta{
		Format: history.FormatVersion, Scenario: d.scenario.Name, Claim: d.scenario.Claim.EN, Seed: d.scenario.Sale.Seed,
		Base: d.began, Stack: d.Endpoints.Name, Event: d.event, Spec: spec, Plan: plan, Versions: versions(),
		Config: d.config(ctx), Mutant: d.Endpoints.Mutant,
	}, nil
}

// carryOut is the drill from preflight to audit.
func (d *drill) carryOut(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go d.watch(ctx, stop)

	if err := d.preflight(ctx); err != nil {
		return fmt.Errorf("preflight: %w", cause(ctx, err))
	}
	if err := d.sell(ctx); err != nil {
		return cause(ctx, err)
	}
	if err := d.drain(ctx); err != nil {
		return fmt.Errorf("drain: %w", cause(ctx, err))
	}
	return nil
}

// cause prefers the reason for which the drill was stopped to the error that the
// stop provoked.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil && !errors.Is(err, why) {
		return fmt.Errorf("%w (while: %w)", why, err)
	}
	return err
}

// preflight proves that the stack is steady before anything is broken: what
// fails later is then the fault's doing.
func (d *drill) preflight(ctx context.Context) error {
	d.say("preflight", "every link whole, one purchase of each kind")
	if err := d.heal(ctx); err != nil {
		return err
	}
	page, err := d.injector.Events(ctx, 0)
	if err != nil {
		return fmt.Errorf("proxy server's events: %w", err)
	}
	if n := len(page.Events); n > 0 {
		d.heard = page.Events[n-1].Seq
	}
	return d.steady(ctx)
}

// steady waits until one fresh op of every kind succeeds.
func (d *drill) steady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, steadyTimeout)
	defer cancel()
	return stack.Until(ctx, 250*time.Millisecond, d.journey)
}

func (d *drill) journey(ctx context.Context) error {
	return traffic.Journey(ctx, d.Endpoints.Shop, d.event, d.rec)
}

// sell lets the buyers in and plays the phases.
func (d *drill) sell(ctx context.Context) error {
	sale := d.scenario.Sale
	sale.Event = d.event
	selling, closeDoors := context.WithCancel(ctx)
	defer closeDoors()
	d.samples = make(chan struct{})
	go d.sample(selling)

	type outcome struct {
		stats traffic.Stats
		err   error
	}
	sold := make(chan outcome, 1)
	go func() {
		stats, err := traffic.Run(selling, sale, d.Endpoints.Shop, d.rec)
		sold <- outcome{stats, err}
	}()
	playErr := d.play(ctx)
	closeDoors()
	end := <-sold
	<-d.samples
	if playErr != nil {
		return playErr
	}
	if end.err != nil {
		return fmt.Errorf("sale: %w", end.err)
	}
	d.rec.Note(end.stats.String())
	return nil
}

func (d *drill) play(ctx context.Context) error {
	for _, p := range d.scenario.Phases {
		d.phase.Store(&p.Name)
		if err := d.playPhase(ctx, p); err != nil {
			return fmt.Errorf("phase %s: %w", p.Name, err)
		}
	}
	return nil
}
