package tamper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// broker is RabbitMQ's management API.
type broker struct {
	base string // with user and password
	http *http.Client
}

// publish puts one persistent message into the purchase queue, as the shop does.
// It returns when the broker has confirmed it.
func (b broker) publish(ctx context.Context, id string, body []byte) error {
	type properties struct {
		DeliveryMode int    `json:"delivery_mode"`
		MessageID    string `json:"message_id"`
		ContentType  string `json:"content_type"`
	}
	message := struct {
		Properties properties `json:"properties"`
		RoutingKey string     `json:"routing_key"`
		Payload    string     `json:"payload"`
		Encoding   string     `json:"payload_encoding"`
	}{properties{2, id, "application/json"}, queue, string(body), "string"}
	var answer struct {
		Routed bool `json:"routed"`
	}
	status, err := b.call(ctx, http.MethodPost, "/api/exchanges/%2F/amq.default/publish", message, &answer)
	switch {
	case err != nil:
		return fmt.Errorf("publish %s: %w", id, err)
	case status != http.StatusOK:
		return fmt.Errorf("publish %s: the broker answered %d", id, status)
	case !answer.Routed:
		return fmt.Errorf("publish %s: %w", id, errors.New("the broker has no queue for it"))
	}
	return nil
}

// queuePath is the purchase queue, in the virtual host "/".
const queuePath = "/api/queues/%2F/" + queue

// arguments are those with which the purchase queue was declared; nil: there is none.
func (b broker) arguments(ctx context.Context) (map[string]any, error) {
	var q struct {
		Arguments map[string]any `json:"arguments"`
	}
	if _, err := b.call(ctx, http.MethodGet, queuePath+"?disable_stats=true&enable_queue_totals=true", nil, &q); err != nil {
		return nil, fmt.Errorf("look for queue %s: %w", queue, err)
	}
	return q.Arguments, nil
}

// declared says whether there is a purchase queue.
func (b broker) declared(ctx context.Context) (bool, error) {
	status, err := b.call(ctx, http.MethodGet, queuePath+"?disable_stats=true&enable_queue_totals=true", nil, nil)
	switch {
	case err != nil:
		return false, fmt.Errorf("look for queue %s: %w", queue, err)
	case status == http.StatusOK:
		return true, nil
	case status == http.StatusNotFound:
		return false, nil
	}
	return false, fmt.Errorf("look for queue %s: the broker answered %d", queue, status)
}

// call sends one request. A body is sent and an answer of 200 read, if there are
// any.
func (b broker) call(ctx context.Context, method, path string, body, answer any) (status int, err error) {
	base, err := url.Parse(b.base)
	if err != nil {
		return 0, fmt.Errorf("read address of the broker: %w", err)
	}
	user := base.User
	base.User = nil
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(base.String(), "/")+path, sent)
	if err != nil {
		return 0, err
	}
	if password, ok := user.Password(); ok {
		req.SetBasicAuth(user.Username(), password)
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if answer != nil && resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
			return resp.StatusCode, fmt.Errorf("read the answer: %w", err)
		}
	}
	_, err = io.Copy(io.Discard, resp.Body) // or the connection could not be used again
	return resp.StatusCode, err
}
