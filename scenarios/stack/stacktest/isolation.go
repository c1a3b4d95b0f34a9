package stacktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/lab"
	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// Isolation is the part of the suite that makes "one proxy per link" more than a
// drawing: cutting one link takes that dependency from that client, and nothing
// from anybody else. The stack is up and whole; afterwards it is so again.
func (s Suite) Isolation(t *testing.T, st stack.Stack) {
	m := topology.EventFlow()
	for _, svc := range m.Services {
		if !s.runs(svc.Name) {
			t.Skipf("this stack runs no %s", svc.Name)
		}
	}
	h := hall{e: st.Endpoints(), m: m}
	h.injector = lab.NewInjector(m, h.e)
	defer h.injector.Close()
	h.await(t, topology.Link{})
	for _, l := range m.Links {
		t.Run(l.Name(), func(t *testing.T) { h.alone(t, l) })
	}
	t.Run("the suite would see it", h.teeth)
}

// hall is a stack seen from all sides, and the hand at its links.
type hall struct {
	e        stack.Endpoints
	m        topology.Map
	injector *fault.Injector
}

// steady is how many looks in a row must see the same: a client that fell over once
// and caught itself, or that will be dragged down in a moment, is not what one look
// makes of it.
const steady = 3

// alone cuts the link, wants its client alone to miss its dependency, and heals.
func (h hall) alone(t *testing.T, l topology.Link) {
	begun := time.Now()
	h.cut(t, l)
	h.await(t, l)
	lost := time.Since(begun)
	h.heal(t)
	h.await(t, topology.Link{})
	t.Logf("%s alone after %v, whole again after %v", l, lost.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
}

func (h hall) cut(t *testing.T, l topology.Link) {
	t.Helper()
	t.Cleanup(func() { // a test that fails half way must not spoil the next
		if t.Failed() {
			h.heal(t)
		}
	})
	applied, err := h.injector.Apply(t.Context(), fault.Cut(l.Name()))
	require.NoError(t, err)
	require.True(t, applied.Bit, applied.Symptom)
}

// heal is clean-up, too.
func (h hall) heal(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), Patience)
	defer cancel()
	require.NoError(t, h.injector.Heal(ctx))
}

// await looks until everything is as it should be with that link cut, and stays so.
// A loss that should not be there ends the test when it lasts: waiting must not make
// it good.
func (h hall) await(t *testing.T, cut topology.Link) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	var good int
	strays := strays{}
	require.NoError(t, stack.Until(ctx, pollEvery, func(ctx context.Context) error {
		p, err := h.look(ctx)
		if err != nil {
			return err
		}
		v := h.judge(cut, p)
		if lasting := strays.see(v.stray, time.Now()); cut != (topology.Link{}) && len(lasting) > 0 {
			t.Fatalf("with %s cut alone: %s", cut, strings.Join(lasting, "; "))
		}
		if err := v.err(); err != nil {
			good = 0
			return err
		}
		if good++; good < steady {
			return fmt.Errorf("as it should be in %d of %d looks", good, steady)
		}
		return nil
	}))
}

// strays are losses that should not be there, and when each was first seen of those
// that have been seen in every look since.
type strays map[string]time.Time

// strayLimit is longer than a machine that is busy with other things keeps a service
// from answering in time, and much shorter than a cut.
const strayLimit = time.Second

// see takes down what a look has seen, and returns what has lasted too long.
func (s strays) see(now []string, at time.Time) (lasting []string) {
	maps.DeleteFunc(s, func(what string, _ time.Time) bool { return !slices.Contains(now, what) })
	for _, what := range now {
		first, seen := s[what]
		switch {
		case !seen:
			s[what] = at
		case at.Sub(first) >= strayLimit:
			lasting = append(lasting, what)
		}
	}
	return lasting
}

// teeth: a suite that saw no difference between these would have passed as well.
func (h hall) teeth(t *testing.T) {
	one, two := h.link(t, topology.App1, topology.RedisDB), h.link(t, topology.App2, topology.RedisDB)
	p, err := h.look(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, h.judge(one, p).missing, "nothing is cut")
	h.cut(t, one)
	h.cut(t, two)
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	assert.NoError(t, stack.Until(ctx, pollEvery, func(ctx context.Context) error {
		p, err := h.look(ctx)
		if err != nil {
			return err
		}
		if v := h.judge(one, p); len(v.missing) > 0 || len(v.stray) == 0 {
			return fmt.Errorf("two links are cut, and this is said of one: %+v", v)
		}
		return nil
	}))
	h.heal(t)
	h.await(t, topology.Link{})
}

func (h hall) link(t *testing.T, from, to topology.Name) topology.Link {
	t.Helper()
	links := h.m.Between(from, to)
	require.Len(t, links, 1)
	return links[0]
}

// picture is what everybody says of the stack at one moment.
type picture struct {
	ready map[topology.Name]map[string]bool // program -> line of its /readyz -> ok
	nodes map[topology.Name]bool            // who answered buyers that browse
	odd   []string                          // answers to them that were no 200
	enter answer                            // to a guest who wants to come in
}

// answer is one of nginx's: the status, and what it says about the request's fate.
type answer struct {
	status  int
	outcome string
}

// visits is how many buyers browse in one look: several for each node.
const visits = 12

func (h hall) look(ctx context.Context) (p picture, err error) {
	p.ready, p.nodes = map[topology.Name]map[string]bool{}, map[topology.Name]bool{}
	for n, base := range h.e.Health {
		if p.ready[n], err = readiness(ctx, base+"/readyz"); err != nil {
			return p, err
		}
	}
	for range visits {
		resp, err := ask(ctx, http.MethodGet, h.e.Shop+"/api/events", "")
		if err != nil {
			return p, err
		}
		if resp.StatusCode != http.StatusOK {
			p.odd = append(p.odd, resp.Status)
		}
		p.nodes[topology.Name(resp.Header.Get("X-EventFlow-Node"))] = true
	}
	resp, err := ask(ctx, http.MethodPost, h.e.Shop+"/api/auth/guest", `{"nickname":"Ana"}`)
	if err != nil {
		return p, err
	}
	p.enter = answer{resp.StatusCode, resp.Header.Get("X-Outcome")}
	return p, nil
}

// readiness reads a program's own page, which is there whatever it says.
func readiness(ctx context.Context, page string) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookDeadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return nil, fmt.Errorf("readiness: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("readiness: %w", err)
	}
	defer resp.Body.Close()
	var body struct {
		Dependencies []struct {
			Name string
			OK   bool
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return nil, fmt.Errorf("readiness: read %s: %w", page, err)
	}
	lines := map[string]bool{}
	for _, d := range body.Dependencies {
		lines[d.Name] = d.OK
	}
	return lines, nil
}

// lookDeadline is longer than any of the programs' and nginx's own.
const lookDeadline = 5 * time.Second

// ask reads the answer to its end and returns its head.
func ask(ctx context.Context, method, url, body string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, lookDeadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the answer to %s %s: %w", method, url, err)
	}
	return resp, nil
}

// lines of /readyz that are not called after the service they depend on.
var lines = map[string]topology.Name{"seat-locks": topology.RedisDB}

// dependency is the service that a line of /readyz speaks of.
func dependency(line string) topology.Name {
	if n, ok := lines[line]; ok {
		return n
	}
	return topology.Name(line)
}

// view is what is wrong with a picture: losses that are missing, which may still
// come, and losses that have no business to be there.
type view struct{ missing, stray []string }

func (v view) err() error {
	if len(v.missing)+len(v.stray) == 0 {
		return nil
	}
	return errors.New(strings.Join(slices.Concat(v.missing, v.stray), "; "))
}

// judge compares the picture with what it should be while that link alone is cut;
// the zero link: while none is.
func (h hall) judge(cut topology.Link, p picture) (v view) {
	v.programs(h.m, cut, p)
	v.buyers(h.m, cut, p)
	return v
}

// expect files what is lost and should not be, or is not and should.
func (v *view) expect(lost, want bool, what string, args ...any) {
	what = fmt.Sprintf(what, args...)
	switch {
	case lost && !want:
		v.stray = append(v.stray, what+" is lost")
	case !lost && want:
		v.missing = append(v.missing, what+" is not lost")
	}
}

// programs: each says of each of its links whether it carries, and tells the truth.
func (v *view) programs(m topology.Map, cut topology.Link, p picture) {
	for _, program := range slices.Sorted(maps.Keys(p.ready)) {
		spoken := map[topology.Name]bool{}
		for _, line := range slices.Sorted(maps.Keys(p.ready[program])) {
			to := dependency(line)
			spoken[to] = true
			v.expect(!p.ready[program][line], program == cut.From && to == cut.To, "%s's %s", program, line)
		}
		for _, l := range m.LinksFrom(program) {
			if !spoken[l.To] {
				v.missing = append(v.missing, fmt.Sprintf("%s says nothing about %s", program, l.To))
			}
		}
	}
}

// buyers: nginx reaches everybody to whom its link carries, and nobody else; who
// browses notices nothing, and whoever cannot be let in is told that nothing
// happened.
func (v *view) buyers(m topology.Map, cut topology.Link, p picture) {
	for _, l := range m.LinksFrom(topology.Nginx) {
		if l.To == topology.Auth {
			v.door(l == cut, p.enter)
			continue
		}
		v.expect(!p.nodes[l.To], l == cut, "the buyers' %s", l.To)
	}
	if cut.From != topology.Nginx && cut != (topology.Link{}) {
		return // a node without its stores may refuse, if only it answers
	}
	for _, status := range p.odd {
		v.stray = append(v.stray, fmt.Sprintf("an answer to a buyer who browses (%s)", status))
	}
}

func (v *view) door(cut bool, a answer) {
	v.expect(a.status != http.StatusOK, cut, "the way in (%d)", a.status)
	honest := (a.status == http.StatusBadGateway || a.status == http.StatusServiceUnavailable) && a.outcome == "none"
	if cut && a.status != http.StatusOK && !honest {
		v.missing = append(v.missing, fmt.Sprintf("a guest is told %d %q instead of 502 or 503 and none", a.status, a.outcome))
	}
}
