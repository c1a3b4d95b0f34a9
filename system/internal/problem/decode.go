package problem

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// MaxBody is the longest body that is read, in bytes.
const MaxBody = 16 << 10

// Decode reads a JSON body into v. It refuses what it does not understand
// entirely: unknown fields, a second value, more than MaxBody. The error is a
// *Problem: 400 malformed_json or 413 body_too_large.
func Decode(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, MaxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return bodyError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bodyError(err)
	}
	return nil
}

func bodyError(err error) error {
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return New(http.StatusRequestEntityTooLarge, "body_too_large", "a body may have 16 KiB")
	case err == nil:
		return New(http.StatusBadRequest, "malformed_json", "the body goes on after the JSON value")
	case errors.Is(err, io.EOF):
		return New(http.StatusBadRequest, "malformed_json", "the body is empty")
	}
	return New(http.StatusBadRequest, "malformed_json", err.Error())
}

// JSON answers with a value.
func JSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client left: there is nobody to tell
}
