package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/tamper"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// playPhase puts the phase's faults in force, waits and heals. The phase begins
// when the faults have been felt and ends before healing begins, so that what
// buyers were told in between belongs to no phase and flatters none.
func (d *drill) playPhase(ctx context.Context, p Phase) (err error) {
	var inForce []history.Fault
	defer func() {
		if !p.Faulty() {
			return
		}
		began := d.rec.Now()
		healErr := d.healAll(ctx)
		d.healed(inForce, began, healErr)
		err = errors.Join(err, healErr)
	}()
	for _, start := range d.faultsOf(p) {
		applied, err := start(ctx)
		inForce = append(inForce, applied)
		if err != nil {
			return err
		}
	}
	d.say("phase", fmt.Sprintf("%s for %s", p.Name, p.For))
	d.rec.PhaseStart(p.Name)
	defer d.rec.PhaseEnd(p.Name)
	select {
	case <-time.After(p.For.D()):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// faultsOf are the phase's faults in the order in which they are put in force:
// links, then processes, then data. Each answers its record.
func (d *drill) faultsOf(p Phase) (all []func(context.Context) (history.Fault, error)) {
	for _, f := range p.Faults {
		all = append(all, func(ctx context.Context) (history.Fault, error) { return d.breakLinks(ctx, p.Name, f) })
	}
	for _, f := range p.Processes {
		all = append(all, func(ctx context.Context) (history.Fault, error) { return d.breakProcess(ctx, p.Name, f) })
	}
	for _, t := range p.Tampers {
		all = append(all, func(ctx context.Context) (history.Fault, error) { return d.tamper(ctx, p.Name, t) })
	}
	return all
}

// put is what the three layers have in common: a record from the first moment,
// completed by what apply finds, kept whatever comes of it.
func (d *drill) put(ctx context.Context, what fmt.Stringer, limit time.Duration, entry history.Fault, apply func(context.Context, *history.Fault) error) (history.Fault, error) {
	d.say("fault", what.String())
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	spec, err := json.Marshal(what)
	if err != nil {
		return history.Fault{}, fmt.Errorf("encode fault: %w", err)
	}
	entry.Spec, entry.Start = spec, d.rec.Now()
	err = apply(ctx, &entry)
	entry.InForce = d.rec.Now()
	if err != nil {
		entry.Error = err.Error()
		err = fmt.Errorf("apply %s: %w", what, err)
	}
	entry.Index = d.rec.Fault(entry)
	return entry, err
}

func (d *drill) breakLinks(ctx context.Context, phase string, f fault.Fault) (history.Fault, error) {
	entry := history.Fault{Name: string(f.Kind), Layer: history.LinkLayer, Phase: phase}
	return d.put(ctx, f, applyDeadline, entry, func(ctx context.Context, e *history.Fault) error {
		applied, err := d.injector.Apply(ctx, f)
		e.Links, e.ReadBack, e.Symptom, e.Bit = applied.Links, applied.ReadBack, applied.Symptom, applied.Bit
		return err
	})
}

func (d *drill) breakProcess(ctx context.Context, phase string, f stack.ProcessFault) (history.Fault, error) {
	entry := history.Fault{Name: string(f.Kind), Layer: history.ProcessLayer, Service: string(f.Service), Phase: phase, Links: d.linksOf(f.Service)}
	return d.put(ctx, f, reviveDeadline, entry, func(ctx context.Context, e *history.Fault) error {
		effect, err := d.Processes.Apply(ctx, f)
		e.ReadBack, e.Symptom, e.Bit = effect.ReadBack, string(effect.Symptom), effect.Bit
		if effect.Reason != "" {
			e.Symptom += ": " + effect.Reason
		}
		return err
	})
}

func (d *drill) tamper(ctx context.Context, phase string, t tamper.Tamper) (history.Fault, error) {
	service := topology.Name(t.Service())
	entry := history.Fault{Name: string(t.Kind), Layer: history.DataLayer, Service: t.Service(), Phase: phase, Links: d.linksOf(service)}
	return d.put(ctx, t, applyDeadline, entry, func(ctx context.Context, e *history.Fault) error {
		effect, err := d.meddler.Apply(ctx, t)
		e.ReadBack, e.Symptom, e.Bit = effect.ReadBack, effect.Symptom, effect.Bit
		return err
	})
}

// linksOf names the links that a broken service takes with it: those that lead to
// it, and where none does, its own.
func (d *drill) linksOf(service topology.Name) (names []string) {
	for _, l := range d.Map.Links {
		if l.To == service {
			names = append(names, l.Name())
		}
	}
	if len(names) > 0 {
		return names
	}
	for _, l := range d.Map.LinksFrom(service) {
		names = append(names, l.Name())
	}
	return names
}

// healAll undoes what was done, the last layer first, on a fresh context: an
// interrupted drill heals all the same.
func (d *drill) healAll(ctx context.Context) error {
	return errors.Join(d.undo(ctx), d.revive(ctx), d.heal(ctx))
}

func (d *drill) undo(ctx context.Context) error {
	if d.meddler == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healDeadline)
	defer cancel()
	if err := d.meddler.Undo(ctx); err != nil {
		return fmt.Errorf("undo tampering: %w", err)
	}
	return nil
}

// revive heals what processes suffered.
func (d *drill) revive(ctx context.Context) error {
	if d.Processes == nil || len(d.Processes.InForce()) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reviveDeadline)
	defer cancel()
	healings, err := d.Processes.Heal(ctx)
	for _, h := range healings {
		d.say("heal", fmt.Sprintf("%s was %s: %s", h.Service, h.Was, h.How))
	}
	if err != nil {
		return fmt.Errorf("heal services: %w", err)
	}
	return nil
}

// heal makes every link of the map whole and proves it.
func (d *drill) heal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healDeadline)
	defer cancel()
	if err := d.injector.Heal(ctx); err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	d.lastHeal = time.Now()
	return nil
}

func (d *drill) healed(faults []history.Fault, began time.Duration, err error) {
	now := d.rec.Now()
	for _, f := range faults {
		f.HealAt = began
		if err == nil {
			f.Healed = now
		} else {
			f.Error = err.Error()
		}
		d.rec.Fault(f)
	}
}

// watch ends the drill when a service of the stack ends by itself, or when the
// proxy server forgets the drill's faults: what is recorded afterwards would be
// about something else. Supervised services are started again instead.
func (d *drill) watch(ctx context.Context, stop context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case exit, ok := <-d.Exits:
			if !ok {
				return
			}
			if err := d.ended(ctx, exit); err != nil {
				stop(err)
				return
			}
		case err := <-d.injector.LeaseLost():
			stop(fmt.Errorf("the drill's lease on its faults is lost: %w", err))
			return
		}
	}
}

// reviveEvery is the pause between two tries to start a service that dies on its way
// up.
const reviveEvery = 50 * time.Millisecond

// ended starts a supervised service again and puts its death on record. It may die
// again before it has answered: such an end is heard of when the service has come up
// all the same, and is put on record alone.
func (d *drill) ended(ctx context.Context, exit stack.Exit) error {
	if !slices.Contains(d.scenario.Supervised, exit.Service) {
		return fmt.Errorf("%s ended by itself: %w\n%s", exit.Service, exit.Err, exit.Log)
	}
	entry := history.Fault{
		Name: "crash", Layer: history.ProcessLayer, Service: string(exit.Service), Links: d.linksOf(exit.Service), Passing: true,
		Start: d.rec.Now(), InForce: d.rec.Now(), ReadBack: "it ended by itself", Symptom: fmt.Sprint(exit.Err), Bit: true,
	}
	if phase := d.phase.Load(); phase != nil {
		entry.Phase = *phase
	}
	entry.Index = d.rec.Fault(entry)
	ctx, cancel := context.WithTimeout(ctx, reviveDeadline)
	defer cancel()
	entry.HealAt = d.rec.Now()
	if !exit.At.Before(d.revived[exit.Service]) {
		err := stack.Until(ctx, reviveEvery, func(ctx context.Context) error { return d.Restart(ctx, exit.Service) })
		if err != nil {
			return fmt.Errorf("start %s again: %w", exit.Service, err)
		}
		d.revived[exit.Service] = time.Now()
	}
	entry.Healed = d.rec.Now()
	d.rec.Fault(entry)
	return nil
}
