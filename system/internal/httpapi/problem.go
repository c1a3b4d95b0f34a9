// Package httpapi is how EventFlow speaks HTTP: JSON in with limits, JSON out,
// and problem documents (RFC 9457) that say whether what was asked may have
// happened.
//
// It must not know which calls the API has: those are in httpapi/shop and in
// account.
package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
)

// Outcome is the word in X-Outcome: what an error says about the request.
type Outcome string

// A refused request did not happen and never will; an unknown one may have
// happened or may yet.
const (
	None    Outcome = "none"
	Unknown Outcome = "unknown"
)

// Problem is an answer that says no, or not now, or don't know. It is an error,
// so that a handler can return it.
type Problem struct {
	Status  int     // HTTP status, 4xx or 5xx
	Code    string  // stable, for programs
	Detail  string  // for people; must not hold what the caller may not know
	Outcome Outcome // empty means none
	Fields  map[string]any
}

// NewProblem is a problem whose outcome is none.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{Status: status, Code: code, Detail: detail, Outcome: None}
}

// With returns a copy with one more member in the document.
func (p *Problem) With(field string, value any) *Problem {
	c := *p
	c.Fields = maps.Clone(p.Fields)
	if c.Fields == nil {
		c.Fields = map[string]any{}
	}
	c.Fields[field] = value
	return &c
}

// Error makes a problem an error.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail) }

// Write sends the problem. A 503 says when to come back.
func (p *Problem) Write(w http.ResponseWriter) error {
	doc := map[string]any{"type": "about:blank", "title": http.StatusText(p.Status), "status": p.Status, "code": p.Code, "detail": p.Detail}
	maps.Copy(doc, p.Fields)
	h := w.Header()
	h.Set("X-Outcome", string(p.Outcome))
	if p.Outcome == "" {
		h.Set("X-Outcome", string(None))
	}
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	return send(w, p.Status, "application/problem+json", doc)
}

// JSON sends a value. Its error is a value that cannot be written, or a client
// that has gone.
func JSON(w http.ResponseWriter, status int, v any) error {
	return send(w, status, "application/json", v)
}

// send encodes first: a value that cannot be encoded must not become half an
// answer with status 200.
func send(w http.ResponseWriter, status int, kind string, v any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return Bytes(w, status, kind, body.Bytes())
}

// Bytes sends a body that is ready. Answers are never stored on the way: what
// is cached, and for how long, is decided in one place, which is not a browser.
func Bytes(w http.ResponseWriter, status int, kind string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}
