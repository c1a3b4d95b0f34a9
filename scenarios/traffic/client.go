package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// maxBody bounds an answer: a hall of 10,000 seats is under 1 MiB.
const maxBody = 8 << 20

// request is one HTTP call of a buyer.
type request struct {
	method, url string
	token       string
	body        any // sent as JSON; nil: none
}

// answer is what came of a request.
type answer struct {
	status int // 0: no answer
	header http.Header
	body   []byte
	sent   bool  // the request may have left this machine
	err    error // why there is no whole answer
}

// newTransport is the one pool of connections of a shop's buyers. It goes
// through no proxy of the environment, and keeps as many idle connections as
// there may be buyers: a pool that is too small measures dialling.
func newTransport(idle int) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConns:        idle,
		MaxIdleConnsPerHost: idle,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true,
	}
}

// send does the request once, within timeout. The deadline is the client's own:
// the end of the run does not cut off an op that is under way.
func send(ctx context.Context, transport http.RoundTripper, timeout time.Duration, r request) answer {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	var sent atomic.Bool // the transport's goroutines write it, even after an early return
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { sent.Store(true) },
		WroteRequest: func(httptrace.WroteRequestInfo) { sent.Store(true) },
	})
	req, err := r.build(ctx)
	if err != nil {
		return answer{err: err}
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return answer{sent: sent.Load(), err: transportError(err)}
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header, sent: true}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		a.err = fmt.Errorf("read answer: %w", transportError(err))
	}
	return a
}

// build makes the HTTP request. Its body can not be rewound (GetBody is nil) and
// is never nil, so that the transport can not send it a second time on its own,
// as it does with a bodiless GET when a kept connection dies: an op is one
// request, or the history would lie.
func (r request) build(ctx context.Context) (*http.Request, error) {
	var payload []byte
	if r.body != nil {
		var err error
		if payload, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, nil)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(payload)), int64(len(payload))
	if r.method == http.MethodPost && r.body == nil {
		req.Body = http.NoBody // a POST is not sent again in any case, and needs a length
	}
	req.Header.Set("Accept", "application/json")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	return req, nil
}

// transportError shortens what net/http says to the part that is news.
func transportError(err error) error {
	var net net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &net) && net.Timeout():
		return fmt.Errorf("no answer in time: %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), "server closed idle connection"):
		return fmt.Errorf("connection closed before the answer: %w", err)
	default:
		return err
	}
}

// problem is an error answer of the shop.
type problem struct {
	Code        string   `json:"code"`
	Detail      string   `json:"detail"`
	Transaction string   `json:"transaction_id"`
	Seats       []string `json:"seats"`
}

// problem reads a problem+json answer; nginx's own pages have no code.
func (a answer) problem() problem {
	var p problem
	if a.status < 400 {
		return p
	}
	if json.Unmarshal(a.body, &p) != nil {
		return problem{}
	}
	return p
}

// decode reads a good answer. An unreadable one is no answer.
func decode[T any](a *answer) T {
	var v T
	if a.err != nil || a.status < 200 || a.status > 299 || a.status == http.StatusNoContent {
		return v
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.err = fmt.Errorf("unreadable answer: %w", err)
	}
	return v
}
