package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/report"
	"eventflow/toxiproxy/topology"
)

// sample observes the servers, round the proxies, until the doors close. What it
// sees are witnesses; a look that fails is left out, never counted as zero.
func (d *drill) sample(ctx context.Context) {
	defer close(d.samples)
	var late atomic.Int64
	go watchClock(ctx, &late)
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			values := d.auditor.Sample(ctx)
			values[invariant.LabLate] = float64(late.Swap(0))
			d.foreign(values)
			d.rec.Sample(history.Sample{At: d.rec.Now(), Values: values})
		}
	}
}

// foreign adds how much of the machine others have used since the last sample. A
// look that fails is left out.
func (d *drill) foreign(values map[string]float64) {
	if d.Machine == nil {
		return
	}
	if share, err := d.Machine.Foreign(); err == nil {
		values[invariant.ForeignCPU] = math.Round(100 * share)
	}
}

// clockTick is how often the lab asks to be woken, to see how late that happens.
const clockTick = 10 * time.Millisecond

// watchClock keeps the longest delay, in milliseconds, with which this process
// was woken: a machine that leaves the lab waiting leaves EventFlow waiting too.
func watchClock(ctx context.Context, worst *atomic.Int64) {
	for ctx.Err() == nil {
		began := time.Now()
		time.Sleep(clockTick)
		late := (time.Since(began) - clockTick).Milliseconds()
		for seen := worst.Load(); late > seen && !worst.CompareAndSwap(seen, late); seen = worst.Load() {
		}
	}
}

// drain proves that every kind of op works again, waits until nothing is under way
// any more, and reads the ledger. The order matters: effects can land seconds after
// a buyer saw an error, and the proof's own purchase has to be over too.
func (d *drill) drain(ctx context.Context) error {
	d.say("drain", "one purchase of each kind; then until the queue is empty and the stores are quiet")
	if err := d.steady(ctx); err != nil {
		d.rec.Note("after the sale, one fresh op of each kind: " + err.Error())
	}
	draining, cancel := context.WithTimeout(ctx, cmp.Or(d.DrainFor, drainDeadline))
	defer cancel()
	if err := d.auditor.Drain(draining, d.event, d.quiesce(), func(left string) { d.say("drain", left) }); err != nil {
		// Left-over messages are evidence against EventFlow, not a failure of the lab:
		// the ledger is read all the same and the judge sees the queue.
		d.rec.Note("drain: " + err.Error())
	}
	return d.audit(ctx)
}

// quiesce is how long the stores must be seen quiet: what is left of the time that
// late effects may take after the last heal, and never less than quiet.
func (d *drill) quiesce() time.Duration {
	return max(quiet, time.Until(d.lastHeal.Add(quiesce)))
}

func (d *drill) audit(ctx context.Context) error {
	d.say("audit", "reading what the stores really hold")
	ctx, cancel := context.WithTimeout(ctx, auditDeadline)
	defer cancel()
	ledger, err := d.auditor.Ledger(ctx, d.event)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if ledger.Died, err = d.deaths(ctx); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	ledger.At = d.rec.Now()
	d.rec.Ledger(ledger)
	return nil
}

// finish closes the journal, judges what it says, read back from the disk, and
// writes the artifacts: the verdict is about what was recorded, not about what
// this process remembers.
func (d *drill) finish(complete bool) (Result, error) {
	d.noteServer()
	if complete {
		d.rec.Complete()
	}
	if err := d.rec.Close(); err != nil {
		return Result{}, fmt.Errorf("close journal: %w", err)
	}
	h, err := history.ReadFile(filepath.Join(d.dir, report.JournalFile))
	if err != nil {
		return Result{}, err
	}
	res := Result{History: h, Report: invariant.Judge(h), Dir: d.dir}
	d.say("judge", string(res.Report.Verdict))
	if err := report.WriteDrill(d.dir, res.History, res.Report); err != nil {
		return res, fmt.Errorf("write report: %w", err)
	}
	if err := report.WriteIndex(filepath.Dir(d.dir)); err != nil {
		return res, fmt.Errorf("list the drills: %w", err)
	}
	return res, d.copyLogs()
}

// noteServer copies into the journal what the proxy server says it did: above
// all, which lease it healed by itself.
func (d *drill) noteServer() {
	ctx, cancel := context.WithTimeout(context.Background(), applyDeadline)
	defer cancel()
	page, err := d.injector.Events(ctx, d.heard)
	if err != nil {
		d.rec.Note("proxy server's events: " + err.Error())
		return
	}
	for _, e := range page.Events {
		d.rec.Note(fmt.Sprintf("proxy server at %s: %s", e.Time.Format("15:04:05.000"), e.Text))
	}
}

// copyLogs puts the services' logs beside the journal, on a fresh context: the
// logs of an interrupted drill are the ones that are wanted.
func (d *drill) copyLogs() error {
	if d.Logs == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), auditDeadline)
	defer cancel()
	dir := filepath.Join(d.dir, "logs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make logs folder: %w", err)
	}
	var errs []error
	for _, s := range d.Map.Services {
		if err := d.copyLog(ctx, s.Name, filepath.Join(dir, string(s.Name)+".log")); err != nil {
			errs = append(errs, fmt.Errorf("copy log of %s: %w", s.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (d *drill) copyLog(ctx context.Context, service topology.Name, path string) error {
	from, err := d.Logs(ctx, service)
	if errors.Is(err, os.ErrNotExist) {
		return nil // an observer that this stack does not run
	}
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// close releases what the drill has open and proves once more that the links are
// whole: whatever went wrong, nobody finds them broken.
func (d *drill) close() error {
	var errs []error
	if d.meddler != nil {
		errs = append(errs, d.undo(context.Background()), d.meddler.Close())
	}
	errs = append(errs, d.revive(context.Background()))
	if d.injector != nil {
		errs = append(errs, d.heal(context.Background()), d.injector.Close())
	}
	if d.auditor != nil {
		d.auditor.Close()
	}
	if d.journal != nil {
		if err := d.journal.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, fmt.Errorf("close journal: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (d *drill) say(step, text string) {
	elapsed := time.Since(d.began)
	if d.Log != nil {
		d.Log.Info(text, "scenario", d.scenario.Name, "step", step, "elapsed", elapsed)
	}
	if d.Watch != nil {
		d.Watch(Event{Scenario: d.scenario.Name, Step: step, Text: text, Elapsed: elapsed})
	}
}
