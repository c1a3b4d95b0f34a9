package audit

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

// depth is what the broker says of the queue, at most Config.QueueLag ago.
type depth struct {
	Ready      int // waiting
	Unacked    int // delivered, not settled
	DeadLetter int // in the dead-letter queue, waiting or not
}

// queues asks the broker for totals alone: the same API's statistics are
// collected on a second timer, and twice as old.
func (a *Auditor) queues(ctx context.Context) (depth, error) {
	var all []queueTotals
	if err := a.broker(ctx, http.MethodGet, "/api/queues/%2F", "disable_stats=true&enable_queue_totals=true", nil, &all); err != nil {
		return depth{}, fmt.Errorf("ask the broker for its queues: %w", err)
	}
	return a.depthOf(all)
}

// queueTotals is a queue on the broker's list.
type queueTotals struct {
	Name    string `json:"name"`
	Ready   *int   `json:"messages_ready"`
	Unacked *int   `json:"messages_unacknowledged"`
}

// broker asks the management API. The path is as it goes out: the virtual host "/"
// is written %2F. question is sent if it is not nil.
func (a *Auditor) broker(ctx context.Context, method, path, query string, question, answer any) error {
	u := *a.rabbit
	u.User, u.RawQuery = nil, query
	var body io.Reader
	if question != nil {
		text, err := json.Marshal(question)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	unescaped, err := url.PathUnescape(path)
	if err != nil {
		return err
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/")+unescaped, strings.TrimRight(u.EscapedPath(), "/")+path
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return err
	}
	if password, ok := a.rabbit.User.Password(); ok {
		req.SetBasicAuth(a.rabbit.User.Username(), password)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// depthOf reads the list. A queue that is not there, or says nothing of its
// messages, is an error: zero would read as drained.
func (a *Auditor) depthOf(queues []queueTotals) (depth, error) {
	var d depth
	found := 0
	for _, q := range queues {
		if q.Name != a.config.Queue && q.Name != a.config.Queue+".dead" {
			continue
		}
		if q.Ready == nil || q.Unacked == nil {
			return depth{}, fmt.Errorf("queue %s: the broker tells no totals", q.Name)
		}
		if found++; q.Name == a.config.Queue {
			d.Ready, d.Unacked = *q.Ready, *q.Unacked
		} else {
			d.DeadLetter = *q.Ready + *q.Unacked
		}
	}
	if found != 2 {
		return depth{}, fmt.Errorf("queues %s and %s.dead: the broker has %d of the two", a.config.Queue, a.config.Queue, found)
	}
	return d, nil
}
