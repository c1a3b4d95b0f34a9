package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/report"
	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// printer writes what people read: a line that moves on a terminal, plain lines
// into a pipe, colours only where they are wanted.
type printer struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool // lines may be rewritten
	colour   bool
	moving   bool // the last line has not been ended
	told     time.Time
	services map[string]stack.State
	order    []string
}

func newPrinter(c *cobra.Command) *printer {
	out := c.OutOrStdout()
	tty := isTerminal(out)
	return &printer{out: out, terminal: tty, colour: tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p *printer) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	p.told = time.Now()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// plainEvery is how often a pipe is told of what moves on a terminal.
const plainEvery = 5 * time.Second

// move rewrites the current line on a terminal. Into a pipe, where each line
// stays, it writes one now and then: a log must show that something goes on.
func (p *printer) move(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal {
		if time.Since(p.told) >= plainEvery {
			p.told = time.Now()
			fmt.Fprintln(p.out, text)
		}
		return
	}
	if runes := []rune(text); len(runes) > 100 {
		text = string(runes[:99]) + "…"
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s", text)
	p.moving = true
}

// settle ends a moving line. p.mu is held.
func (p *printer) settle() {
	if p.moving {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.moving = false
	}
}

func (p *printer) endProgress() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
}

// nothingReady begins with a stack of which nothing is known yet.
func (p *printer) nothingReady() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.services, p.order, p.told = map[string]stack.State{}, nil, time.Now()
}

// progress notes a step of a service on its way up.
func (p *printer) progress(step stack.Progress) {
	p.mu.Lock()
	name := string(step.Service)
	if _, seen := p.services[name]; !seen {
		p.order = append(p.order, name)
	}
	p.services[name] = step.State
	p.mu.Unlock()
	if step.State == stack.Failed {
		p.line("%s %s: %v", p.paint(red, "failed"), name, step.Err)
	}
}

// onTheWay shows which services of the stack are still on their way.
func (p *printer) onTheWay(since time.Duration) {
	p.mu.Lock()
	ready, started := 0, 0
	var waiting []string
	for _, n := range p.order {
		switch p.services[n] {
		case stack.Ready:
			ready++
			started++
			continue
		case stack.Starting:
			started++
		}
		waiting = append(waiting, n)
	}
	p.mu.Unlock()
	if started == 0 {
		p.move(fmt.Sprintf("stack: %.0f s; building what has changed, and fetching what is not here yet", since.Seconds()))
		return
	}
	p.move(fmt.Sprintf("stack: %.0f s; %d of %d ready; starting %s", since.Seconds(), ready, len(topology.EventFlow().Services), strings.Join(waiting, " ")))
}

func (p *printer) ready(took time.Duration, e stack.Endpoints) {
	p.line("stack: %s, %d services ready in %.1f s; shop %s, proxies %s", e.Name, len(p.order), took.Seconds(), e.Shop, e.Toxiproxy)
}

func (p *printer) scenario(s lab.Scenario) {
	p.line("\n%s  (buyers for %.0f s, seed %d)", p.paint(bold, s.Name), s.Duration().Seconds(), s.Sale.Seed)
	p.line("  %s", s.Claim.EN)
}

// event shows a drill's steps: phases and faults for good, the rest in passing.
func (p *printer) event(e lab.Event) {
	text := fmt.Sprintf("  %5.1f s  %-9s %s", e.Elapsed.Seconds(), e.Step, e.Text)
	switch e.Step {
	case "phase", "fault", "heal":
		p.line("%s", text)
	default:
		p.move(text)
	}
}

func (p *printer) verdict(res lab.Result, took time.Duration, err error) {
	if res.Report.Verdict == "" {
		p.line("  %s %v", p.paint(red, "not carried out:"), err)
		return
	}
	p.line("  %s after %.1f s", p.paint(colourOf(res.Report.Verdict), strings.ToUpper(string(res.Report.Verdict))), took.Seconds())
	for _, l := range strings.Split(strings.TrimRight(report.Brief(res.History, res.Report), "\n"), "\n") {
		p.line("    %s", l)
	}
}

func (p *printer) table(drills []report.Drill) {
	p.line("")
	p.mu.Lock()
	defer p.mu.Unlock()
	report.WriteTable(p.out, drills, p.colour)
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
)

func colourOf(v invariant.Verdict) string {
	return map[invariant.Verdict]string{invariant.Pass: green, invariant.Broken: red, invariant.Invalid: yellow}[v]
}

func (p *printer) paint(colour, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
