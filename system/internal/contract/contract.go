// Package contract holds real answers against the public contract,
// system/openapi.yaml. It is used by tests only.
//
// It must not know how an answer was made: it sees a request and a response, as a
// client does.
package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Contract is the file, and which of its answers have been seen to be true.
type Contract struct {
	doc    *openapi3.T
	router routers.Router

	mu   sync.Mutex
	seen map[string]bool
}

// Open reads and validates system/openapi.yaml of the module the test is in.
func Open(tb testing.TB) *Contract {
	tb.Helper()
	path, err := locate()
	if err != nil {
		tb.Fatalf("open contract: %v", err)
	}
	c, err := load(path)
	if err != nil {
		tb.Fatalf("open contract: %v", err)
	}
	return c
}

// Check opens the contract and fails the test if the response breaks it. A test
// that asks for coverage keeps the value of Open and calls its Check.
func Check(tb testing.TB, req *http.Request, resp *http.Response, body []byte) {
	tb.Helper()
	Open(tb).Check(tb, req, resp, body)
}

func load(path string) (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("validate %s: %w", path, err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("routes of %s: %w", path, err)
	}
	return &Contract{doc: doc, router: router, seen: map[string]bool{}}, nil
}

// locate walks up to the module's root: tests run in their package's folder.
func locate() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("working directory: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "system", "openapi.yaml"), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = up
	}
}

// Check fails the test if the response is not one that the contract promises for
// the request: status, headers, body. The request itself is held against the
// contract when it was obeyed, if its body can be had again (GetBody).
func (c *Contract) Check(tb testing.TB, req *http.Request, resp *http.Response, body []byte) {
	tb.Helper()
	if err := c.check(req, resp, body); err != nil {
		tb.Errorf("%s %s answered %d, against the contract: %v\n%s", req.Method, req.URL.Path, resp.StatusCode, err, body)
	}
}

func (c *Contract) check(req *http.Request, resp *http.Response, body []byte) error {
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		return c.nowhere(resp, body)
	}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	if resp.StatusCode < 300 {
		if err := obeyed(req, in); err != nil {
			return fmt.Errorf("request: %w", err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true}}
	if err := openapi3filter.ValidateResponse(req.Context(), out.SetBodyBytes(body)); err != nil {
		return err
	}
	if err := c.coherent(resp, body); err != nil {
		return err
	}
	c.note(route.Operation.OperationID, resp.StatusCode, code(body))
	return nil
}

// obeyed checks a request that got its way: what the contract forbids must not
// work.
func obeyed(req *http.Request, in *openapi3filter.RequestValidationInput) error {
	if req.GetBody == nil {
		in.Options.ExcludeRequestBody = true
		return openapi3filter.ValidateRequest(req.Context(), in)
	}
	again, err := req.GetBody()
	if err != nil {
		return fmt.Errorf("get body: %w", err)
	}
	defer again.Close()
	data, err := io.ReadAll(again)
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	clone := req.Clone(req.Context())
	clone.Body = io.NopCloser(bytes.NewReader(data))
	in.Request = clone
	return openapi3filter.ValidateRequest(req.Context(), in)
}

// nowhere checks the two answers that belong to no operation.
func (c *Contract) nowhere(resp *http.Response, body []byte) error {
	want := map[int]string{http.StatusNotFound: "not_found", http.StatusMethodNotAllowed: "method_not_allowed"}[resp.StatusCode]
	if want == "" || code(body) != want {
		return fmt.Errorf("no such operation, and neither 404 not_found nor 405 method_not_allowed")
	}
	if resp.Header.Get("Content-Type") != "application/problem+json" || resp.Header.Get("X-Outcome") != "none" {
		return errors.New("want a problem with X-Outcome none")
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if err := c.doc.Components.Schemas["Problem"].Value.VisitJSON(value); err != nil {
		return err
	}
	c.note("nowhere", resp.StatusCode, want)
	return nil
}

// coherent checks what a schema cannot say: outcome_unknown and X-Outcome unknown
// go together on every 503.
func (c *Contract) coherent(resp *http.Response, body []byte) error {
	if resp.StatusCode != http.StatusServiceUnavailable {
		return nil
	}
	if (code(body) == "outcome_unknown") != (resp.Header.Get("X-Outcome") == "unknown") {
		return fmt.Errorf("code %q with X-Outcome %q", code(body), resp.Header.Get("X-Outcome"))
	}
	return nil
}

func code(body []byte) string {
	var p struct{ Code string }
	if json.Unmarshal(body, &p) != nil {
		return ""
	}
	return p.Code
}

func (c *Contract) note(operation string, status int, code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[answer(operation, status, code)] = true
}

func answer(operation string, status int, code string) string {
	if status < 300 {
		return fmt.Sprintf("%s %d", operation, status)
	}
	return fmt.Sprintf("%s %d %s", operation, status, code)
}

// Promised lists every answer of the operations that the contract documents, as
// "lockSeats 409 seat_taken" or "lockSeats 201"; of all operations if none is
// named.
func (c *Contract) Promised(operations ...string) []string {
	var all []string
	for _, path := range c.doc.Paths.Map() {
		for _, op := range path.Operations() {
			if len(operations) == 0 || slices.Contains(operations, op.OperationID) {
				all = append(all, promises(op)...)
			}
		}
	}
	slices.Sort(all)
	return all
}

func promises(op *openapi3.Operation) []string {
	var out []string
	for text, ref := range op.Responses.Map() {
		var status int
		if _, err := fmt.Sscan(text, &status); err != nil {
			continue // "default" promises nothing in particular
		}
		for _, c := range codes(ref.Value) {
			out = append(out, answer(op.OperationID, status, c))
		}
	}
	return out
}

// codes are the values that a response's body may have as its code; one empty
// value for a body without any.
func codes(r *openapi3.Response) []string {
	media := r.Content.Get("application/problem+json")
	if media == nil {
		return []string{""}
	}
	var out []string
	for _, part := range media.Schema.Value.AllOf {
		if p := part.Value.Properties["code"]; p != nil {
			for _, v := range p.Value.Enum {
				out = append(out, fmt.Sprint(v))
			}
		}
	}
	return out
}

// Unseen are the promised answers of the operations that no Check has seen.
func (c *Contract) Unseen(operations ...string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(c.Promised(operations...), func(a string) bool { return c.seen[a] })
}
