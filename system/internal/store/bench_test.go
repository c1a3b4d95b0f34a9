package store_test

import (
	"context"
	"fmt"
	"testing"

	"eventflow/system/internal/servertest"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"

	"github.com/stretchr/testify/require"
)

// BenchmarkSettle compares what one purchase costs in a batch with what it costs
// on its own. The first 26,000 are sold, the rest finds its seats taken.
func BenchmarkSettle(b *testing.B) {
	pg := servertest.StartPostgres(b)
	for _, c := range []struct {
		name string
		size int
	}{{"one by one", 1}, {"batch of 50", 50}, {"batch of 200", 200}} {
		b.Run(c.name, func(b *testing.B) {
			db := pg.NewDatabase(b)
			pg.Query(b, db, `select open_sale(1, 'Bench', 'Here', 50, 1000, 100)::text`)
			s, err := store.Open(store.Config{Addr: pg.Addr, User: "eventflow_consumer", Password: servertest.Password, Database: db})
			require.NoError(b, err)
			defer s.Close()
			sold := 0
			batch := make([]ticket.Purchase, c.size)
			b.ResetTimer()
			for i := 0; i < b.N; i += c.size {
				for j := range batch {
					batch[j] = purchase(1, fmt.Sprintf("%c-%d", 'A'+sold/1000%26, sold%1000+1))
					sold++
				}
				if _, err := s.SettleBatch(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "purchases/s")
		})
	}
}
