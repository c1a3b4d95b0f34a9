package tamper

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// cachedEvents is the list of all events, which is an entry of every sale.
const cachedEvents = "cache:events:0"

func (m *Meddler) expireCache(ctx context.Context, t Tamper) (Effect, error) {
	n, err := bite(ctx, m.expireOnce)
	if err != nil {
		return Effect{}, err
	}
	m.later("expire-cache", begin(t.pace(), func(ctx context.Context) error {
		_, err := m.expireOnce(ctx)
		return err
	}), nil)
	return Effect{ReadBack: fmt.Sprintf("redis deleted %d keys", n), Symptom: fmt.Sprintf("%d cached entries of the sale are gone", n), Bit: n > 0}, nil
}

// expireOnce deletes what is cached of the sale, and tells how many entries were.
func (m *Meddler) expireOnce(ctx context.Context) (int, error) {
	var keys []string
	scan := m.redis.Scan(ctx, 0, "cache:*", 1000).Iterator()
	for scan.Next(ctx) {
		if key := scan.Val(); key == cachedEvents || strings.HasSuffix(key, ":"+strconv.Itoa(m.event)) {
			keys = append(keys, key)
		}
	}
	if err := scan.Err(); err != nil {
		return 0, fmt.Errorf("look for cached entries: %w", err)
	}
	if len(keys) == 0 {
		return 0, nil
	}
	n, err := m.redis.Unlink(ctx, keys...).Result()
	if err != nil {
		return 0, fmt.Errorf("delete cached entries: %w", err)
	}
	return int(n), nil
}
