package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/stack"
)

// hallDeadline is how long a seat map may take to be younger than the ledger that it
// is compared with: the shop may show a copy for two seconds.
const hallDeadline = 3 * time.Second

// seatMap is the shop's answer to a buyer who looks at the hall.
type seatMap struct {
	AgeSeconds float64        `json:"age_seconds"`
	HoldsKnown bool           `json:"holds_known"`
	Counts     map[string]int `json:"counts"`
	Sections   []struct {
		PriceCents int `json:"price_cents"`
		Rows       []struct {
			Seats []struct {
				ID string `json:"id"`
			} `json:"seats"`
		} `json:"rows"`
	} `json:"sections"`
}

// hall is the sale as a buyer sees it. A map that is older than the ledger may say
// what was true then, so it is asked for again until it is younger, or agrees on
// the number of sold seats. Nil where no shop answers such a map: what it would
// prove is not proven.
func (a *Auditor) hall(ctx context.Context, event, sold int, read time.Time) *history.Hall {
	if a.config.Shop == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hallDeadline)
	defer cancel()
	var seen seatMap
	err := stack.Until(ctx, pollEvery, func(ctx context.Context) (err error) {
		asked := time.Now()
		if seen, err = a.seatMap(ctx, event); err != nil {
			return err
		}
		if drawn := asked.Add(-time.Duration(seen.AgeSeconds * float64(time.Second))); seen.Counts["sold"] != sold && drawn.Before(read) {
			return errors.New("the map is older than the ledger")
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return seen.hall()
}

func (m seatMap) hall() *history.Hall {
	h := &history.Hall{Free: m.Counts["free"], Held: m.Counts["held"], Purchasing: m.Counts["purchasing"], Sold: m.Counts["sold"]}
	for _, s := range m.Sections {
		h.PriceCents = s.PriceCents // a drill's hall has one price
		for _, r := range s.Rows {
			h.Seats += len(r.Seats)
		}
	}
	return h
}

func (a *Auditor) seatMap(ctx context.Context, event int) (seatMap, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(a.config.Shop, "/")+"/api/events/"+strconv.Itoa(event)+"/seats", nil)
	if err != nil {
		return seatMap{}, fmt.Errorf("ask the shop for the hall: %w", err)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return seatMap{}, fmt.Errorf("ask the shop for the hall: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return seatMap{}, fmt.Errorf("ask the shop for the hall: %s", resp.Status)
	}
	var m seatMap
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		return seatMap{}, fmt.Errorf("read the hall: %w", err)
	}
	if !m.HoldsKnown {
		return seatMap{}, errors.New("the shop does not know which seats are held")
	}
	return m, nil
}
