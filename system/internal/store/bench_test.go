package store_test

import (
	"context"
	"testing"

	"eventflow/system/internal/servertest"
	"eventflow/system/internal/ticket"
)

// BenchmarkSettle compares what one purchase costs in a batch with what it costs
// on its own.
func BenchmarkSettle(b *testing.B) {
	pg := servertest.StartPostgres(b)
	for _, c := range []struct {
		name string
		size int
	}{{"one by one", 1}, {"batch of 50", 50}, {"batch of 200", 200}} {
		b.Run(c.name, func(b *testing.B) {
			s, _ := open(b, pg, pg.NewDatabase(b), "eventflow_consumer")
			batch := make([]ticket.Purchase, c.size)
			b.ResetTimer()
			for i := 0; i < b.N; i += c.size {
				for j := range batch {
					batch[j] = purchase(999, "A-1")
				}
				if _, err := s.SettleBatch(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "purchases/s")
		})
	}
}
