package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
	u := a.rabbit.JoinPath("/api/queues/")
	u.Path, u.RawPath = u.Path+"/", u.Path+"%2F" // the virtual host is called "/"
	u.RawQuery = "disable_stats=true&enable_queue_totals=true"
	user := u.User
	u.User = nil
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return depth{}, fmt.Errorf("ask the broker for its queues: %w", err)
	}
	if password, ok := user.Password(); ok {
		req.SetBasicAuth(user.Username(), password)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return depth{}, fmt.Errorf("ask the broker for its queues: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return depth{}, fmt.Errorf("ask the broker for its queues: %s", resp.Status)
	}
	return a.depthOf(json.NewDecoder(resp.Body))
}

// depthOf reads the list. A queue that is not there, or says nothing of its
// messages, is an error: zero would read as drained.
func (a *Auditor) depthOf(answer *json.Decoder) (depth, error) {
	var queues []struct {
		Name    string `json:"name"`
		Ready   *int   `json:"messages_ready"`
		Unacked *int   `json:"messages_unacknowledged"`
	}
	if err := answer.Decode(&queues); err != nil {
		return depth{}, fmt.Errorf("read the broker's queues: %w", err)
	}
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
