package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"eventflow/toxiproxy/topology"
)

// Processes is what a stack offers that can break its own services, not only the
// links between them.
type Processes interface {
	// Apply puts the fault in force, reads it back and feels it as a new client of
	// the service would. An error means that it may be in force or half in force:
	// call Heal. No error and Effect.Bit false means that it is in force, by the
	// system's word, and that a client does not feel it.
	Apply(ctx context.Context, f ProcessFault) (Effect, error)
	// Heal undoes every process fault that is in force on the services, starts
	// those that have ended, and returns when each answers in its own protocol. No
	// services: all of the stack. It may be called at any time and any number of
	// times; its error is a *HealError that names what is not healed, unless the
	// stack is not up.
	Heal(ctx context.Context, services ...topology.Name) ([]Healing, error)
	// InForce are the faults that are waiting to be healed, in the map's order.
	InForce() []ProcessFault
}

// ProcessFaultKind names a process fault by what is done to the service.
type ProcessFaultKind string

// The kinds of process fault. Kill, pause and alarm last until they are healed;
// restart and wipe are over when Apply returns.
const (
	// KindKill: SIGKILL to the service and everything below it. Its port refuses.
	KindKill ProcessFaultKind = "kill"
	// KindPause: SIGSTOP to the service and everything below it. Connections stay
	// open and connecting works; no byte is read or answered.
	KindPause ProcessFaultKind = "pause"
	// KindRestart: killed and started again at once, on its old ports with its old
	// data.
	KindRestart ProcessFaultKind = "restart"
	// KindWipe: killed and started again without its data, as new.
	KindWipe ProcessFaultKind = "wipe"
	// KindAlarm: the broker calls its memory full and stops reading from every
	// connection that publishes.
	KindAlarm ProcessFaultKind = "alarm"
)

// processFaultKinds in the order in which people meet them.
var processFaultKinds = []ProcessFaultKind{KindKill, KindPause, KindRestart, KindWipe, KindAlarm}

// ProcessFault is one fault of one service, as data.
type ProcessFault struct {
	Kind    ProcessFaultKind `json:"kind"`
	Service topology.Name    `json:"service"`
}

// Kill ends the service as a crash would.
func Kill(service topology.Name) ProcessFault { return ProcessFault{KindKill, service} }

// Pause makes the service stand still: a machine that swaps, a virtual machine
// that is moved, a very long garbage collection.
func Pause(service topology.Name) ProcessFault { return ProcessFault{KindPause, service} }

// Restart ends the service as a crash would and starts it again at once.
func Restart(service topology.Name) ProcessFault { return ProcessFault{KindRestart, service} }

// Wipe makes a store forget everything.
func Wipe(store topology.Name) ProcessFault { return ProcessFault{KindWipe, store} }

// Alarm makes the broker call its memory full.
func Alarm(broker topology.Name) ProcessFault { return ProcessFault{KindAlarm, broker} }

// Validate reports every way in which the fault makes no sense on that map.
func (f ProcessFault) Validate(m topology.Map) error {
	var errs []error
	if !slices.Contains(processFaultKinds, f.Kind) {
		errs = append(errs, fmt.Errorf("unknown kind; there are %s", list(processFaultKinds)))
	}
	if err := f.validService(m); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("process fault %q: %w", f.Kind, err)
	}
	return nil
}

func (f ProcessFault) validService(m topology.Map) error {
	s, ok := m.Service(f.Service)
	switch {
	case !ok:
		return fmt.Errorf("no service is called %q; the services are %s", f.Service, services(m, func(topology.Service) bool { return true }))
	case f.Kind == KindWipe && s.Role != topology.Store:
		return fmt.Errorf("%s keeps no data that could be lost; wipe takes %s", s.Name, services(m, keepsData))
	case f.Kind == KindAlarm && s.Protocol != topology.AMQP:
		return fmt.Errorf("%s is no broker; alarm takes %s", s.Name, services(m, isBroker))
	}
	return nil
}

func keepsData(s topology.Service) bool { return s.Role == topology.Store }
func isBroker(s topology.Service) bool  { return s.Protocol == topology.AMQP }

func services(m topology.Map, which func(topology.Service) bool) string {
	var names []topology.Name
	for _, s := range m.Services {
		if which(s) {
			names = append(names, s.Name)
		}
	}
	return list(names)
}

func list[S ~string](words []S) string {
	plain := make([]string, len(words))
	for i, w := range words {
		plain[i] = string(w)
	}
	return strings.Join(plain, ", ")
}

// Lasts says whether the fault stays in force until it is healed.
func (f ProcessFault) Lasts() bool {
	return f.Kind == KindKill || f.Kind == KindPause || f.Kind == KindAlarm
}

// String is the fault as people say it: "kill postgres".
func (f ProcessFault) String() string { return string(f.Kind) + " " + string(f.Service) }

// Symptom is what a new client of a service felt.
type Symptom string

// The symptoms.
const (
	Answered Symptom = "answered" // in the service's own protocol
	Refused  Symptom = "refused"  // nobody listens
	Silent   Symptom = "silent"   // connected, and no byte within the patience
	Blocked  Symptom = "blocked"  // the broker answers, and says that it takes no message
	Broken   Symptom = "broken"   // connected, and closed or answered with an error
)

// Effect is what a fault did, for the record of a drill.
type Effect struct {
	Fault    ProcessFault `json:"fault"`
	At       time.Time    `json:"at"`               // when it was in force, by the system's word
	ReadBack string       `json:"read_back"`        // that word: "3 processes gone"
	Symptom  Symptom      `json:"symptom"`          // what a new client felt afterwards
	Bit      bool         `json:"bit"`              // the symptom is the fault's own
	Reason   string       `json:"reason,omitempty"` // when it did not bite: what was felt, in full
}

// Felt completes the effect: the fault bit if the symptom is its own. why is what
// the client was told.
func (e Effect) Felt(s Symptom, why error) Effect {
	e.Symptom, e.Bit = s, s == e.Fault.symptom()
	if !e.Bit {
		e.Reason = fmt.Sprintf("%s: a client felt %q instead of %q", e.Fault, s, e.Fault.symptom())
		if why != nil {
			e.Reason += ": " + why.Error()
		}
	}
	return e
}

// symptom is what a fault feels like that bites.
func (f ProcessFault) symptom() Symptom {
	switch f.Kind {
	case KindKill:
		return Refused
	case KindPause:
		return Silent
	case KindAlarm:
		return Blocked
	}
	return Answered // it is over, and the service is back
}

// Healing is one service that was not as it should be and is again.
type Healing struct {
	Service topology.Name `json:"service"`
	Was     string        `json:"was"` // "killed", "paused", "it had ended by itself: exit status 1"
	How     string        `json:"how"` // "started", "resumed", "alarm off"
}

// HealError names the services that are not healed.
type HealError struct{ Services []ServiceError }

// ServiceError is why one service is not healed.
type ServiceError struct {
	Service topology.Name
	Err     error
}

func (e *HealError) Error() string {
	var why []string
	for _, s := range e.Services {
		why = append(why, fmt.Sprintf("%s: %v", s.Service, s.Err))
	}
	return "not healed: " + strings.Join(why, "; ")
}

// Unwrap makes every reason known to errors.Is.
func (e *HealError) Unwrap() []error {
	var all []error
	for _, s := range e.Services {
		all = append(all, s.Err)
	}
	return all
}
