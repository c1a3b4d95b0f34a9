package report

import (
	"fmt"
	"strings"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// Why explains a verdict in plain text: what speaks against the claim, what was
// looked at and held, which witnesses there are, and how buyers fared.
func Why(h history.History, r invariant.Report) string {
	var b strings.Builder
	b.WriteString(head(h, r))
	section(&b, "Broken", r.Findings, invariant.Broken)
	section(&b, "Invalid: the drill proves nothing, because", r.Findings, invariant.Invalid)
	section(&b, "Held", r.Findings, invariant.Pass)
	timeline(&b, h)
	service(&b, r.Numbers)
	if len(h.Notes) > 0 {
		b.WriteString("\nNotes\n")
		for _, n := range h.Notes {
			fmt.Fprintf(&b, "  %s\n", n)
		}
	}
	return b.String()
}

func head(h history.History, r invariant.Report) string {
	n := r.Numbers
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", h.Meta.Scenario, strings.ToUpper(string(r.Verdict)))
	fmt.Fprintf(&b, "  claim: %s\n", h.Meta.Claim)
	fmt.Fprintf(&b, "  seed %d, stack %s, sale %d, %s\n", h.Meta.Seed, h.Meta.Stack, h.Meta.Event, h.Meta.Base.UTC().Format(time.RFC3339))
	fmt.Fprintf(&b, "  %s\n", figures(n))
	return b.String()
}

// figures is a drill's numbers in a sentence.
func figures(n invariant.Numbers) string {
	s := fmt.Sprintf("%d ops (%d ok, %d refused, %d unknown); %d purchases accepted, %d of them under fault",
		n.Ops, n.OK, n.Refused, n.Unknown, n.Accepted, n.AcceptedFault)
	if !n.Audited {
		return s + "; the stores were not read"
	}
	s += fmt.Sprintf("; %d persisted, %d lost, %d duplicated", n.Persisted, n.Lost, n.Duplicated)
	s += fmt.Sprintf("; %d of unknown outcome, %d of them landed", n.UnknownPurchases, n.Recovered)
	if n.RecoveryMS != nil {
		s += "; recovered in " + recovery(n)
	}
	return s
}

func section(b *strings.Builder, title string, findings []invariant.Finding, v invariant.Verdict) {
	first := true
	for _, f := range findings {
		if f.Verdict != v {
			continue
		}
		if first {
			fmt.Fprintf(b, "\n%s\n", title)
			first = false
		}
		fmt.Fprintf(b, "  %-14s %s\n", f.Invariant, inPhase(f))
		evidence(b, f, len(f.Evidence), "      ")
	}
}

func inPhase(f invariant.Finding) string {
	if f.Phase == "" {
		return f.Detail
	}
	return fmt.Sprintf("[%s] %s", f.Phase, f.Detail)
}

// evidence lists at most n cases, and says how many there are beyond those shown.
func evidence(b *strings.Builder, f invariant.Finding, n int, indent string) {
	n = min(n, len(f.Evidence))
	for _, e := range f.Evidence[:n] {
		fmt.Fprintf(b, "%s%s\n", indent, strings.ReplaceAll(strings.TrimRight(e, "\n"), "\n", "\n"+indent))
	}
	if more := max(f.Counts["violations"], int64(len(f.Evidence))) - int64(n); more > 0 {
		fmt.Fprintf(b, "%sand %d more\n", indent, more)
	}
}

func timeline(b *strings.Builder, h history.History) {
	b.WriteString("\nTimeline (seconds from the start)\n")
	for _, p := range h.Phases {
		fmt.Fprintf(b, "  %-14s %8.3f to %s\n", p.Name, p.Start.Seconds(), orNever(p.End))
	}
	for _, f := range h.Faults {
		fmt.Fprintf(b, "  %-14s %8.3f to %s  on %s, in force at %s, healed at %s\n",
			f.Name, f.Start.Seconds(), orNever(f.HealAt), strings.Join(f.Links, " "), orNever(f.InForce), orNever(f.Healed))
	}
}

func orNever(d time.Duration) string {
	if d == 0 {
		return "never"
	}
	return fmt.Sprintf("%.3f", d.Seconds())
}

func service(b *strings.Builder, n invariant.Numbers) {
	if len(n.Service) == 0 {
		return
	}
	b.WriteString("\nService (availability counts a \"no\" by the shop's own rules as an answer)\n")
	fmt.Fprintf(b, "  %-14s %-9s %8s %8s %8s %8s %7s %9s %9s %9s\n", "phase", "op", "ops", "ok", "refused", "unknown", "avail", "p50 ms", "p99 ms", "max ms")
	for _, s := range n.Service {
		phase := s.Phase
		if phase == "" {
			phase = "(between)"
		}
		fmt.Fprintf(b, "  %-14s %-9s %8d %8d %8d %8d %6.1f%% %9.1f %9.1f %9.1f\n",
			phase, s.Kind, s.Ops, s.OK, s.Refused, s.Unknown, 100*s.Availability, s.P50MS, s.P99MS, s.MaxMS)
	}
}

// briefly is how many cases Brief shows of a finding.
const briefly = 3

// Brief is the verdict in a few lines: what went wrong, with the first cases, or
// the figures of a pass with what was promised and kept, and the witnesses that
// it was tried.
func Brief(_ history.History, r invariant.Report) string {
	var b strings.Builder
	fmt.Fprintln(&b, figures(r.Numbers))
	failed := r.Failed()
	for _, f := range failed {
		fmt.Fprintf(&b, "%s %s: %s\n", f.Verdict, f.Invariant, inPhase(f))
		evidence(&b, f, briefly, "    ")
	}
	if len(failed) == 0 {
		for _, f := range append(r.Of(invariant.Availability), r.Of(invariant.Recovery)...) {
			fmt.Fprintf(&b, "kept: %s\n", inPhase(f))
		}
		for _, f := range r.Of(invariant.NonVacuity) {
			fmt.Fprintf(&b, "witness: %s\n", inPhase(f))
		}
	}
	return b.String()
}
