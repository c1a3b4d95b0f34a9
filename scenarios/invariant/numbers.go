package invariant

import (
	"cmp"
	"slices"
	"time"

	"eventflow/scenarios/history"
)

// The sample series that hold the length of the purchase queue. The total counts
// what the consumer was given and has not settled; where nobody took it, the
// messages still waiting have to do.
const (
	QueueTotal = "queue_total"
	QueueReady = "queue_ready"
)

// Numbers is a drill in figures, for tables and charts. Verdicts do not depend on
// it. A purchase is counted once, however often its buyer tried.
type Numbers struct {
	Ops     int `json:"ops"`
	OK      int `json:"ok"`
	Refused int `json:"refused"`
	Unknown int `json:"unknown"`

	CacheReads      int `json:"cache_reads"`       // reads answered from the cache
	CacheReadsFault int `json:"cache_reads_fault"` // those called while a fault was in force

	// Accepted purchases, by when the first accepted op was called: before the first
	// fault, from then to the last heal, after it. Without faults all are baseline.
	Accepted         int `json:"accepted"`
	AcceptedBaseline int `json:"accepted_baseline"`
	AcceptedFault    int `json:"accepted_fault"`
	AcceptedRecover  int `json:"accepted_recover"`

	Audited    bool `json:"audited"`    // the ledger was read; the next figures are zero otherwise
	Persisted  int  `json:"persisted"`  // accepted purchases with a final row
	Lost       int  `json:"lost"`       // accepted purchases without one
	Confirmed  int  `json:"confirmed"`  // purchases confirmed in the ledger
	Rejected   int  `json:"rejected"`   // purchases rejected in the ledger
	Duplicated int  `json:"duplicated"` // transactions with a second row or ticket
	Phantoms   int  `json:"phantoms"`   // transactions that were refused or never asked for
	// UnknownPurchases is the purchases that no answer settled; Recovered is those of
	// them that the ledger has.
	UnknownPurchases int `json:"unknown_purchases"`
	Recovered        int `json:"recovered"`

	// QueuedPeak is the longest the purchase queue was seen; null if nobody looked.
	QueuedPeak *int64 `json:"queued_peak"`
	// RecoveryMS is how long after the last heal the last op failed, or the first of
	// a kind succeeded, whichever is later; null without a heal or without ops after
	// it, or if a kind that failed never succeeded.
	RecoveryMS *float64 `json:"recovery_ms"`

	Service []Service `json:"service"` // by phase, in order, and kind
	Trouble []Trouble `json:"trouble"` // by kind, of those that failed under or after a fault
	// Staleness is the age that reads from copies told: of all, and of those called
	// while a fault was in force.
	Staleness      Ages `json:"staleness"`
	StalenessFault Ages `json:"staleness_fault"`
	// Amplification is how many requests the nodes served for each op that was under
	// way, in the worst five seconds; null if nobody counted the nodes' requests.
	Amplification *float64 `json:"amplification"`
}

// Trouble is when ops of one kind failed, and when no more.
type Trouble struct {
	Kind   history.Kind `json:"kind"`
	Failed int          `json:"failed"` // ops called after the first fault began
	// FirstErrorMS is from the beginning of the first fault to the first answer that
	// was a failure; null if there was none.
	FirstErrorMS *float64 `json:"first_error_ms"`
	// RecoveredMS is from the last heal to the last failure; zero if none came after
	// the heal, null if nothing was healed or nothing succeeded after it.
	RecoveredMS *float64 `json:"recovered_ms"`
}

// Ages is how old reads from copies were, in whole seconds as answers tell it.
type Ages struct {
	Reads int     `json:"reads"`
	P50MS float64 `json:"p50_ms"`
	P99MS float64 `json:"p99_ms"`
	MaxMS float64 `json:"max_ms"`
}

// Service is how ops of one kind fared in one phase. Latency counts from when the
// op was meant to start; availability is the share that the shop served, a "no"
// by its own rules included.
type Service struct {
	Phase        string       `json:"phase"` // "" between phases
	Kind         history.Kind `json:"kind"`
	Ops          int          `json:"ops"`
	OK           int          `json:"ok"`
	Refused      int          `json:"refused"`
	Unknown      int          `json:"unknown"`
	Served       int          `json:"served"`
	Availability float64      `json:"availability"` // 0 to 1
	P50MS        float64      `json:"p50_ms"`
	P99MS        float64      `json:"p99_ms"`
	MaxMS        float64      `json:"max_ms"`
}

func numbers(v *view) Numbers {
	n := Numbers{Ops: len(v.h.Ops), Audited: v.h.Ledger != nil, Service: v.service()}
	for i := range v.h.Ops {
		n.count(v.h, &v.h.Ops[i])
	}
	n.accept(v)
	if n.Audited {
		n.audit(v)
	}
	n.QueuedPeak = v.peak()
	n.RecoveryMS = v.recoveryTime()
	n.Trouble = v.troubles()
	n.Staleness, n.StalenessFault = v.ages(false), v.ages(true)
	n.Amplification = v.amplification()
	return n
}

func (n *Numbers) count(h *history.History, o *history.Op) {
	switch o.Known() {
	case history.OK:
		n.OK++
	case history.Refused:
		n.Refused++
	default:
		n.Unknown++
	}
	if o.Outcome == history.OK && o.Source == "cache" {
		n.CacheReads++
		if h.UnderFault(o.Call) {
			n.CacheReadsFault++
		}
	}
}

func (n *Numbers) accept(v *view) {
	began := forever
	for _, f := range v.h.Faults {
		began = min(began, f.Start)
	}
	healed, ok := v.h.Healed()
	for _, id := range v.order {
		p := v.intents[id]
		switch {
		case p.ok == 0:
			continue
		case p.accepted.Call < began:
			n.AcceptedBaseline++
		case ok && p.accepted.Call >= healed:
			n.AcceptedRecover++
		default:
			n.AcceptedFault++
		}
		n.Accepted++
	}
}

func (n *Numbers) audit(v *view) {
	unknown, landed := v.unknowns("")
	n.UnknownPurchases, n.Recovered = int(unknown), int(landed)
	for _, id := range v.order {
		if v.intents[id].ok == 0 {
			continue
		}
		if v.hasStatus(id, confirmed) || v.hasStatus(id, rejected) {
			n.Persisted++
		} else {
			n.Lost++
		}
	}
	for _, id := range v.known {
		n.transaction(v, id)
	}
}

func (n *Numbers) transaction(v *view, id string) {
	if v.hasStatus(id, confirmed) {
		n.Confirmed++
	} else if v.hasStatus(id, rejected) {
		n.Rejected++
	}
	if len(v.rows[id]) > 1 || v.ledger.Effects[id] > 1 {
		n.Duplicated++
	}
	if p := v.intents[id]; p == nil || p.ok+p.unknown == 0 {
		n.Phantoms++
	}
}

func (v *view) peak() *int64 {
	for _, series := range []string{QueueTotal, QueueReady} {
		if peak, err := v.series(Witness{Measure: SampleMax, Series: series}, 0, forever); err == nil {
			return &peak
		}
	}
	return nil
}

func (v *view) recoveryTime() *float64 {
	healed, ok := v.h.Healed()
	if !ok {
		return nil
	}
	var worst time.Duration
	ops := 0
	for _, kind := range v.kinds() {
		c := v.comeback(kind, healed)
		ops += c.ops
		if c.failed == 0 {
			continue // never away: its first success says when somebody asked, not more
		}
		if c.first < 0 {
			return nil
		}
		worst = max(worst, c.first, c.last)
	}
	if ops == 0 {
		return nil
	}
	ms := millis(worst)
	return &ms
}

func (v *view) kinds() []history.Kind {
	seen := map[history.Kind]bool{}
	var list []history.Kind
	for i := range v.h.Ops {
		if k := v.h.Ops[i].Kind; !seen[k] {
			seen[k] = true
			list = append(list, k)
		}
	}
	slices.Sort(list)
	return list
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

type phaseKind struct {
	phase string
	kind  history.Kind
}

func (v *view) service() []Service {
	waits := map[phaseKind][]time.Duration{}
	rows := map[phaseKind]*Service{}
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		key := phaseKind{v.phases[i], o.Kind}
		if rows[key] == nil {
			rows[key] = &Service{Phase: key.phase, Kind: key.kind}
		}
		rows[key].count(o)
		if !o.Open() {
			waits[key] = append(waits[key], o.Latency())
		}
	}
	list := make([]Service, 0, len(rows))
	for key, s := range rows {
		list = append(list, s.finish(waits[key]))
	}
	v.sortService(list)
	return list
}

func (s *Service) count(o *history.Op) {
	s.Ops++
	switch o.Known() {
	case history.OK:
		s.OK++
	case history.Refused:
		s.Refused++
	default:
		s.Unknown++
	}
	if o.Served() {
		s.Served++
	}
}

func (s *Service) finish(waits []time.Duration) Service {
	s.Availability = float64(s.Served) / float64(s.Ops)
	s.P50MS = millis(history.Quantile(waits, 0.5))
	s.P99MS = millis(history.Quantile(waits, 0.99))
	s.MaxMS = millis(history.Quantile(waits, 1))
	return *s
}

// sortService puts the phases in the order in which they happened, what fell
// between them first.
func (v *view) sortService(list []Service) {
	place := func(phase string) int {
		return slices.IndexFunc(v.h.Phases, func(p history.Phase) bool { return p.Name == phase })
	}
	slices.SortFunc(list, func(a, b Service) int {
		return cmp.Or(cmp.Compare(place(a.Phase), place(b.Phase)), cmp.Compare(a.Kind, b.Kind))
	})
}
