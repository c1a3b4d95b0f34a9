package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"
)

// MaxBody is the largest request body, in bytes. nginx has the same limit.
const MaxBody = 16 << 10

// Decode reads exactly one JSON value into v. Its error is a *Problem: 413 when
// the body is too large, 400 when it is not JSON, has unknown fields or
// anything after the value.
func Decode(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return NewProblem(http.StatusRequestEntityTooLarge, "body_too_large", "at most 16 KiB are read")
	case err != nil:
		return NewProblem(http.StatusBadRequest, "malformed_json", "the body did not arrive whole")
	case !utf8.Valid(body):
		return NewProblem(http.StatusBadRequest, "malformed_json", "the body is not UTF-8")
	}
	return decode(body, v)
}

func decode(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return NewProblem(http.StatusBadRequest, "malformed_json", err.Error())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return NewProblem(http.StatusBadRequest, "malformed_json", "there is more than one JSON value")
	}
	return nil
}
