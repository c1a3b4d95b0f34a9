package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"eventflow/scenarios/invariant"
)

type junitRun struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitProblem `xml:"failure,omitempty"`
	Error   *junitProblem `xml:"error,omitempty"`
}

type junitProblem struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes junit.xml: a suite per drill, a case per invariant. Broken is
// a failure, invalid an error, and what was not judged is not listed.
func WriteJUnit(w io.Writer, drills []Drill) error {
	run := junitRun{Name: "eventflow drills"}
	for _, d := range drills {
		s := suite(d)
		run.Tests, run.Failures, run.Errors = run.Tests+s.Tests, run.Failures+s.Failures, run.Errors+s.Errors
		run.Suites = append(run.Suites, s)
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	if err := enc.Encode(run); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func suite(d Drill) junitSuite {
	s := junitSuite{
		Name: d.History.Meta.Scenario, Time: fmt.Sprintf("%.3f", d.History.End().Seconds()),
		Timestamp: d.History.Meta.Base.UTC().Format("2006-01-02T15:04:05"),
	}
	for _, name := range invariants(d.Report) {
		c := testcase(s.Name, name, d.Report.Of(name))
		s.Tests++
		if c.Failure != nil {
			s.Failures++
		}
		if c.Error != nil {
			s.Errors++
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}

// invariants names those that were judged, in order.
func invariants(r invariant.Report) []string {
	var names []string
	seen := map[string]bool{}
	for _, f := range r.Findings {
		if !seen[f.Invariant] {
			seen[f.Invariant] = true
			names = append(names, f.Invariant)
		}
	}
	return names
}

func testcase(class, name string, findings []invariant.Finding) junitCase {
	c := junitCase{Class: class, Name: name}
	verdict := invariant.Pass
	var failed []string
	var text strings.Builder
	for _, f := range findings {
		if f.Verdict == invariant.Pass {
			continue
		}
		verdict = verdict.Merge(f.Verdict)
		failed = append(failed, inPhase(f))
		fmt.Fprintf(&text, "%s\n", inPhase(f))
		evidence(&text, f, len(f.Evidence), "  ")
	}
	if verdict == invariant.Pass {
		return c
	}
	p := &junitProblem{Type: string(verdict), Message: strings.Join(failed, "; "), Text: text.String()}
	if verdict == invariant.Broken {
		c.Failure = p
	} else {
		c.Error = p
	}
	return c
}
