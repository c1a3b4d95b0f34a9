package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"eventflow/toxiproxy/lease"
	"eventflow/toxiproxy/proxy"
	"eventflow/toxiproxy/toxics"
)

// apiError is an error as the stock server words it.
type apiError struct {
	Message string `json:"error"`
	Status  int    `json:"status"`
}

func (e *apiError) Error() string { return e.Message }

func badBody(err error) error {
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return &apiError{fmt.Sprintf("bad request body: larger than %d bytes", big.Limit), http.StatusRequestEntityTooLarge}
	}
	return &apiError{"bad request body: " + err.Error(), http.StatusBadRequest}
}

func missing(field string) error {
	return &apiError{"missing required field: " + field, http.StatusBadRequest}
}

// asAPIError gives an error its status. What has none of its own is the server's
// own trouble: a port that is taken, mostly.
func asAPIError(err error) *apiError {
	var own *apiError
	if errors.As(err, &own) {
		return own
	}
	for _, known := range []struct {
		err    error
		status int
	}{
		{proxy.ErrNotFound, http.StatusNotFound},
		{proxy.ErrToxicNotFound, http.StatusNotFound},
		{proxy.ErrExists, http.StatusConflict},
		{proxy.ErrToxicExists, http.StatusConflict},
		{proxy.ErrNotYours, http.StatusConflict},
		{proxy.ErrToxicType, http.StatusBadRequest},
		{proxy.ErrStream, http.StatusBadRequest},
		{toxics.ErrSettings, http.StatusBadRequest},
		{proxy.ErrTooMany, http.StatusTooManyRequests},
		{lease.ErrTooMany, http.StatusTooManyRequests},
		{lease.ErrInvalid, http.StatusBadRequest},
		{lease.ErrGone, http.StatusGone}, // not 404: a client of the stock API takes that for the proxy's
	} {
		if errors.Is(err, known.err) {
			return &apiError{err.Error(), known.status}
		}
	}
	return &apiError{err.Error(), http.StatusInternalServerError}
}

// handler returns what to answer: a value, nil for no content, or an error.
type handler func(http.ResponseWriter, *http.Request) (any, error)

// created is a value answered with 201.
type created struct{ value any }

// status is a value answered with a status of its own.
type status struct {
	code  int
	value any
}

// sent says that the handler has answered by itself.
type sent struct{}

// ServeHTTP answers.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	value, err := h(w, r)
	if err != nil {
		e := asAPIError(err)
		write(w, e.Status, e)
		return
	}
	switch v := value.(type) {
	case sent:
	case nil:
		w.WriteHeader(http.StatusNoContent)
	case created:
		write(w, http.StatusCreated, v.value)
	case status:
		write(w, v.code, v.value)
	default:
		write(w, http.StatusOK, v)
	}
}

func write(w http.ResponseWriter, code int, value any) {
	b, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(b, '\n')) // the client is gone: there is nobody to tell
}

// read decodes the request's JSON over the defaults in into.
func read(r *http.Request, into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return badBody(err)
	}
	return nil
}
