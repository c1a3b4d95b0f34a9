package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/block"
	"eventflow/toxiproxy/topology"
)

// State is what another process may know of a stack: it is written to stack.json
// in the stack's directory, readable by its owner alone.
type State struct {
	ID        string                    `json:"id"` // random; also in every child's environment
	Base      int                       `json:"base"`
	Public    bool                      `json:"public"`
	Dir       string                    `json:"dir"`
	Started   time.Time                 `json:"started"`
	Ready     bool                      `json:"ready"` // Up has returned
	Lab       Process                   `json:"lab"`
	Children  map[topology.Name]Process `json:"children"`
	Faults    []stack.ProcessFault      `json:"faults,omitempty"` // in force
	Endpoints stack.Endpoints           `json:"endpoints"`
}

// Process names a process for good: a PID alone may belong to somebody else by
// now.
type Process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // when it began, in the system's own terms
}

// Alive says whether that very process still runs.
func (p Process) Alive() bool { return p.PID > 0 && p.Start != "" && startMark(p.PID) == p.Start }

func processOf(pid int) Process { return Process{PID: pid, Start: startMark(pid)} }

// clone shares no map with s.
func (s State) clone() State {
	s.Children = maps.Clone(s.Children)
	s.Faults = slices.Clone(s.Faults)
	s.Endpoints = s.Endpoints.Clone()
	return s
}

// variable marks the children of one stack.
func (s State) variable() string { return "EVENTFLOW_STACK=" + s.ID }

// RunDir is where this user's stacks live, one directory per block of ports.
func RunDir() string { return block.RunDir() }

const stateFile = "stack.json"

// save replaces the state as a whole: a reader never meets half of one.
func (s State) save() error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	path := filepath.Join(s.Dir, stateFile)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// Load reads the state of the stack on the block of ports that starts at base.
// It fails with fs.ErrNotExist if there is none.
func Load(base int) (State, error) { return loadFrom(RunDir(), base) }

func loadFrom(run string, base int) (State, error) {
	data, err := os.ReadFile(filepath.Join(run, strconv.Itoa(base), stateFile))
	if err != nil {
		return State{}, fmt.Errorf("read state: %w", err)
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return State{}, fmt.Errorf("read state of stack %d: %w", base, err)
	}
	return s, nil
}

// List returns the states of this user's stacks whose laboratory is alive, by
// base.
func List() ([]State, error) {
	bases, err := block.Bases(RunDir())
	if err != nil {
		return nil, err
	}
	var all []State
	for _, base := range bases {
		if s, err := Load(base); err == nil && s.Lab.Alive() { // unreadable: it is starting or going
			all = append(all, s)
		}
	}
	return all, nil
}

// Sweep ends what dead laboratories of this user have left behind: processes and
// directories. A laboratory is dead when nobody holds the lock on its block. Only
// processes that a laboratory started are touched, known by PID and time of
// birth or by the mark in their environment.
func Sweep(ctx context.Context) error { return sweep(ctx, RunDir()) }

func sweep(ctx context.Context, run string) error {
	bases, err := block.Bases(run)
	if err != nil {
		return err
	}
	var errs []error
	for _, base := range bases {
		if err := sweepOne(ctx, run, base); err != nil {
			errs = append(errs, fmt.Errorf("sweep stack %d: %w", base, err))
		}
	}
	return errors.Join(errs...)
}

func sweepOne(ctx context.Context, run string, base int) error {
	c, err := block.Lock(run, base)
	if errors.Is(err, block.ErrLocked) {
		return nil // alive
	}
	if err != nil {
		return err
	}
	if s, err := loadFrom(run, base); err == nil {
		if err := s.killLeftovers(ctx); err != nil {
			return errors.Join(err, c.Unlock()) // keep what says whom to kill
		}
	}
	return errors.Join(os.RemoveAll(c.Dir()), c.Release())
}

// killLeftovers kills what the stack has started and is still there, and waits
// until it is gone.
func (s State) killLeftovers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return stack.Until(ctx, poll, func(context.Context) error {
		left := s.leftovers()
		for _, pid := range left {
			killGroup(pid)
		}
		if len(left) > 0 {
			return fmt.Errorf("processes %v are still there", left)
		}
		return nil
	})
}

func (s State) leftovers() []int {
	pids := marked(s.variable())
	for _, p := range s.Children {
		if p.Alive() {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// Stop takes down a stack that another process brought up: it asks that process
// to end, waits until the block is free, and kills it if ctx ends first. No such
// stack: nothing to do.
func Stop(ctx context.Context, base int) error {
	s, err := Load(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.Lab.Alive() {
		if err := syscall.Kill(s.Lab.PID, syscall.SIGTERM); err != nil {
			return fmt.Errorf("stop lab %d: %w", s.Lab.PID, err)
		}
		if err := stack.Until(ctx, poll, func(context.Context) error { return s.gone() }); err != nil {
			_ = syscall.Kill(s.Lab.PID, syscall.SIGKILL) // it had its time
		}
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*patience)
	defer cancel()
	if err := stack.Until(after, poll, func(context.Context) error { return s.gone() }); err != nil {
		return err
	}
	return sweepOne(after, filepath.Dir(s.Dir), base)
}

// gone says whether the stack's laboratory has ended, or at least this stack.
func (s State) gone() error {
	now, err := loadFrom(filepath.Dir(s.Dir), s.Base)
	if s.Lab.Alive() && err == nil && now.ID == s.ID {
		return fmt.Errorf("lab with pid %d still runs", s.Lab.PID)
	}
	return nil
}
