package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"eventflow/toxiproxy/event"
)

// LeaseInfo is a lease as the server tells it.
type LeaseInfo struct {
	ID      string       `json:"id,omitempty"` // "" for what was done in nobody's name
	Owner   string       `json:"owner"`        // "none" for nobody
	Forever bool         `json:"forever"`      // it does not end by itself: nobody's
	TTL     Duration     `json:"ttl,omitempty"`
	LeftMS  int64        `json:"expires_in_ms,omitempty"`
	Expires *time.Time   `json:"expires,omitempty"` // by the server's wall clock
	Ending  string       `json:"ending,omitempty"`  // "lapsed" or "released": it is being undone
	Problem string       `json:"problem,omitempty"` // why that is not done yet
	Faults  LeasedFaults `json:"faults"`
}

// LeasedFaults are what was done in a lease's name, per link, in the server's words.
type LeasedFaults map[string][]struct {
	Kind    string `json:"kind"` // "down", or a toxic's type
	Toxic   string `json:"toxic,omitempty"`
	Stream  string `json:"stream,omitempty"`
	InForce bool   `json:"in_force"`
}

// Left is how long the lease has until it lapses.
func (l LeaseInfo) Left() time.Duration { return time.Duration(l.LeftMS) * time.Millisecond }

// Event is one thing that the proxy server did, or that was done to it.
type Event = event.Event

// EventPage is what Events returns.
type EventPage struct {
	Boot   string  // names the server's life; in another one the numbers begin anew
	Missed uint64  // how many events after the number asked for are forgotten
	Events []Event // oldest first
}

// Forever is the ttl of ApplyFor that makes a fault last until somebody heals it.
const Forever time.Duration = 0

// ApplyFor is Apply for whoever does not stay: the fault has a lease of its own that
// nobody renews, and lapses after ttl. With Forever it has none.
//
// A flap lives in the injector's process: it ends with it, healed when the lease
// lapses.
func (i *Injector) ApplyFor(ctx context.Context, f Fault, ttl time.Duration) (Applied, error) {
	if err := f.Validate(i.links); err != nil {
		return Applied{}, err
	}
	if i.refused != nil || ttl == Forever {
		return i.applyAs(ctx, f, "")
	}
	l, err := i.api.openLease(ctx, i.owner, ttl)
	if err != nil {
		return Applied{}, fmt.Errorf("apply %s: %w", f, err)
	}
	a, err := i.applyAs(ctx, f, l.ID)
	if err != nil {
		return a, errors.Join(err, i.api.endLease(context.WithoutCancel(ctx), l.ID))
	}
	return a, nil
}

// inWhoseName is the id of the injector's lease, "" without one.
func (i *Injector) inWhoseName(ctx context.Context) (string, error) {
	if i.lease == nil || i.refused != nil {
		return "", nil
	}
	return i.lease.id(ctx)
}

// Lease is the injector's lease as the server tells it; a zero one before the first
// fault and without the option. ErrLeaseLost if the server knows it no more.
func (i *Injector) Lease(ctx context.Context) (LeaseInfo, error) {
	var l LeaseInfo
	if i.lease == nil || i.lease.current() == "" {
		return l, nil
	}
	err := i.api.call(ctx, http.MethodGet, leasePath(i.lease.current()), nil, &l)
	if isGone(err) {
		err = ErrLeaseLost
	}
	return l, err
}

// LeaseLost gets an error for each lease that ended before Close: the server was
// restarted or died, or this process did not renew in time. The faults are gone; the
// next Apply opens another lease. It is nil without the option.
func (i *Injector) LeaseLost() <-chan error {
	if i.lease == nil {
		return nil
	}
	return i.lease.lost
}

// closeDeadline bounds the last call.
const closeDeadline = 2 * time.Second

// Close ends the injector's flaps and its lease, and with it every fault of Apply
// that is still in force. An error means that the server did not confirm that; the
// lease then lapses by itself.
func (i *Injector) Close() error {
	for _, l := range i.links.Links {
		i.noteChange(l)
	}
	if i.lease == nil {
		return nil
	}
	id := i.lease.drop(true)
	if id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeDeadline)
	defer cancel()
	if err := i.api.endLease(ctx, id); err != nil {
		return fmt.Errorf("end the lease: %w", err)
	}
	return nil
}

// Leases are all leases of the server, whoever's, and last what was done in nobody's
// name. The stock server has none: ErrStock.
func (i *Injector) Leases(ctx context.Context) ([]LeaseInfo, error) {
	var all []LeaseInfo
	err := i.api.call(ctx, http.MethodGet, "/leases", nil, &all)
	if isMissing(err) {
		err = fmt.Errorf("this server has no leases; it is %w", ErrStock)
	}
	return all, err
}

// Events are what happened on the server after event number since. The stock server
// has none: ErrStock.
func (i *Injector) Events(ctx context.Context, since uint64) (EventPage, error) {
	page, err := i.api.events(ctx, since)
	if isMissing(err) {
		err = fmt.Errorf("this server has no events; it is %w", ErrStock)
	}
	return page, err
}

func (s *server) events(ctx context.Context, since uint64) (EventPage, error) {
	var page EventPage
	answer := func(head http.Header, body []byte) error {
		page.Boot = head.Get("Toxiproxy-Boot")
		missed, err := strconv.ParseUint(head.Get("Toxiproxy-Missed"), 10, 64)
		if err != nil {
			return fmt.Errorf("the answer is not a proxy server's: %w", err)
		}
		page.Missed = missed
		page.Events, err = eventLines(body)
		return err
	}
	err := s.call(ctx, http.MethodGet, eventsPath(since), nil, answer)
	return page, err
}

// eventLines reads one JSON object after the other.
func eventLines(body []byte) ([]Event, error) {
	var out []Event
	lines := json.NewDecoder(bytes.NewReader(body))
	for {
		var e Event
		switch err := lines.Decode(&e); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return out, fmt.Errorf("event %d: %w", len(out)+1, err)
		}
		out = append(out, e)
	}
}
