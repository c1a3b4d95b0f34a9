package audit

import (
	"context"
	"fmt"
	"net/http"
)

// deadIDs are the message ids of the dead letters, of which the broker has just
// counted n; "" for a message without one. They are looked at and put back.
func (a *Auditor) deadIDs(ctx context.Context, n int) ([]string, error) {
	ids := []string{}
	if n == 0 {
		return ids, nil
	}
	ask := struct {
		Count    int    `json:"count"`
		Mode     string `json:"ackmode"`
		Encoding string `json:"encoding"`
		Truncate int    `json:"truncate"` // bytes of each body
	}{n + spareDead, "ack_requeue_true", "auto", 64}
	var dead []struct {
		Properties any `json:"properties"` // an empty list where there are none
	}
	if err := a.broker(ctx, http.MethodPost, "/api/queues/%2F/"+a.config.Queue+".dead/get", "", ask, &dead); err != nil {
		return nil, fmt.Errorf("look at the dead letters: %w", err)
	}
	for _, d := range dead {
		properties, _ := d.Properties.(map[string]any)
		id, _ := properties["message_id"].(string)
		ids = append(ids, id)
	}
	return ids, nil
}

// sinceOpening leaves out, once for each, what was there when the sale was opened.
func (a *Auditor) sinceOpening(dead []string) []string {
	before := a.dead.Load()
	if before == nil {
		return dead
	}
	old := map[string]int{}
	for _, id := range *before {
		old[id]++
	}
	fresh := []string{}
	for _, id := range dead {
		if old[id]--; old[id] < 0 {
			fresh = append(fresh, id)
		}
	}
	return fresh
}

// spareDead is asked for beyond the count, which may be old.
const spareDead = 100
