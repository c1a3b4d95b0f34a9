package traffic

import (
	"context"
	"fmt"
	"strings"
	"time"

	"eventflow/scenarios/history"
)

// longest is the longest password, in bytes, that the shop takes.
const longest = 72

// openAccount opens the account of the sale's one member. Its password is as long
// as passwords may be: forgers need one that cannot grow.
func (r *run) openAccount(ctx context.Context) error {
	r.member = newAccount(fmt.Sprintf("regular-%d-%d", r.sale.Event, r.sale.Seed))
	r.member.password += strings.Repeat(".", longest-len(r.member.password))
	op := r.shop.person(0, r.sale.Timeout).register(ctx, history.Op{}, r.member)
	if op.Outcome != history.OK {
		return fmt.Errorf("open the account of the sale's member: %s", told(op))
	}
	return nil
}

// logIn is one login of the member. Nobody retries it: every phase of a drill
// shall see plain answers.
func (r *run) logIn(ctx context.Context, _ int, intended time.Duration) {
	r.shop.person(0, r.sale.Timeout).login(ctx, history.Op{Intended: intended}, r.member)
}
