package selftest

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// WriteText writes the table for people, without colours: a line per result, then
// what is not as documented and why.
func (t Table) WriteText(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "FAULT\tPROTOCOL\tCONNECTION\t\tWITHOUT\tWITH\tAFTER")
	for _, r := range t.Results {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Fault, r.Protocol, r.Connection, r.mark(), r.Without, r.With, r.After)
	}
	if err := out.Flush(); err != nil { // with it, every error before
		return err
	}
	return t.writeSummary(w)
}

func (r Result) mark() string {
	if r.OK() {
		return "ok"
	}
	return "FAILED"
}

func (t Table) writeSummary(w io.Writer) error {
	failures := t.Failures()
	_, err := fmt.Fprintf(w, "\n%d of %d as documented, in %s\n", len(t.Results)-len(failures), len(t.Results), time.Duration(t.Took).Round(100*time.Millisecond))
	for _, r := range failures {
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", r)
	}
	return err
}

// String is the result in a line.
func (r Result) String() string {
	s := fmt.Sprintf("%s, %s, %s connection: %s", r.Fault, r.Protocol, r.Connection, r.mark())
	if !r.OK() {
		s += ": " + r.Reason
	}
	return s
}
