package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"eventflow/system/internal/ticket"

	amqp "github.com/rabbitmq/amqp091-go"
)

// stuckFactor times the confirm timeout without a confirm, the connection is
// given up: a broker that answers heartbeats and forgets a confirm would
// otherwise be refused for ever.
const stuckFactor = 5

// outlet is one connection's way out. A single writer owns the channel, because
// the library cannot be told to give up a write: callers wait for the writer,
// and leave when their time is up.
//
//	Publish -> jobs -> writer -> socket        reader -> confirms, returns
//	   ^                                                     |
//	   +------------------- outstanding <--------------------+
type outlet struct {
	session *session
	patient time.Duration // the confirm timeout
	jobs    chan *job     // for the writer
	slots   chan struct{}
	gone    chan struct{} // closed when the connection is lost
	blocked atomic.Bool
	serial  atomic.Uint64

	returns chan amqp.Return // never full: a returned message holds its slot until its confirm

	mu          sync.Mutex
	outstanding []*job          // in the order they were written, oldest first
	returned    map[string]bool // serials of messages that came back
}

// job is one message on its way.
type job struct {
	serial string // CorrelationId: tells two publishes of one purchase apart
	queue  string
	msg    amqp.Publishing
	taken  atomic.Bool // by the writer, or by its own caller who gave up first
	// written gets one value once the writer is done with it.
	written chan error
	confirm *amqp.DeferredConfirmation

	at   time.Time // when the writer took it
	over bool      // confirmed, or never written
}

func newOutlet(s *session, inFlight int, patient time.Duration) (*outlet, error) {
	if err := s.ch.Confirm(false); err != nil {
		return nil, fmt.Errorf("ask for confirms: %w", err)
	}
	return &outlet{session: s, patient: patient, jobs: make(chan *job, inFlight), slots: make(chan struct{}, inFlight),
		gone: make(chan struct{}), returns: s.ch.NotifyReturn(make(chan amqp.Return, inFlight)), returned: map[string]bool{}}, nil
}

// run writes until ctx ends or the connection is lost, and says why.
func (o *outlet) run(ctx context.Context) error {
	lost := make(chan *amqp.Error, 2)
	o.session.conn.NotifyClose(lost)
	channelLost := o.session.ch.NotifyClose(make(chan *amqp.Error, 1))
	alarms := o.session.conn.NotifyBlocked(make(chan amqp.Blocking, 8))
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() { o.write(stop) })
	defer writer.Wait()
	defer close(stop)
	defer o.session.sever() // or the writer might wait for a stalled socket
	defer close(o.gone)
	tick := time.NewTicker(o.patient)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return o.drain(ctx)
		case why := <-lost:
			return fmt.Errorf("connection lost: %w", reason(why))
		case why := <-channelLost:
			return fmt.Errorf("channel lost: %w", reason(why))
		case a, open := <-alarms:
			o.blocked.Store(open && a.Active)
			if !open {
				alarms = nil
			}
		case <-tick.C:
			if o.stuck() {
				return fmt.Errorf("%w for %v", ErrStalled, stuckFactor*o.patient)
			}
		}
	}
}

// drain lets the messages in hand get their confirms before the connection is
// closed on purpose.
func (o *outlet) drain(ctx context.Context) error {
	limit := time.After(o.patient)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for len(o.slots) > 0 {
		select {
		case <-limit:
			return ctx.Err()
		case <-tick.C:
		}
	}
	return ctx.Err()
}

func reason(e *amqp.Error) error {
	if e == nil {
		return errors.New("closed without a reason")
	}
	return e
}

// refuses says why a message would not even be written now.
func (o *outlet) refuses() error {
	if o.blocked.Load() {
		return ErrBlocked
	}
	if o.waiting() > o.patient {
		return ErrStalled
	}
	return nil
}

// stuck: while the broker has an alarm, waiting is what it asked for.
func (o *outlet) stuck() bool { return !o.blocked.Load() && o.waiting() > stuckFactor*o.patient }

// waiting is how long the oldest unconfirmed message has been waiting.
func (o *outlet) waiting() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.outstanding) == 0 {
		return 0
	}
	return time.Since(o.outstanding[0].at)
}

func (o *outlet) publish(ctx context.Context, id, queue string, body []byte) error {
	select {
	case o.slots <- struct{}{}:
	default:
		return ticket.Unavailable(dependency, ErrBusy)
	}
	serial := strconv.FormatUint(o.serial.Add(1), 10)
	j := &job{serial: serial, queue: queue, written: make(chan error, 1), msg: amqp.Publishing{
		ContentType: "application/json", DeliveryMode: amqp.Persistent, MessageId: id, CorrelationId: serial, Timestamp: time.Now(), Body: body}}
	select {
	case o.jobs <- j:
	default: // full of messages whose callers gave up before the writer came
		<-o.slots
		return ticket.Unavailable(dependency, ErrBusy)
	}
	if err := o.awaitWrite(ctx, j); err != nil {
		return err
	}
	return o.awaitConfirm(ctx, j)
}

// awaitWrite waits for the writer. A caller whose time is up takes his message
// back if the writer has not begun with it: that is a certain "no".
func (o *outlet) awaitWrite(ctx context.Context, j *job) error {
	select {
	case err := <-j.written:
		return o.notWritten(j, err)
	case <-ctx.Done():
	case <-o.gone:
	}
	if j.taken.CompareAndSwap(false, true) {
		<-o.slots
		return ticket.Unavailable(dependency, errors.New("not written in time"))
	}
	select {
	case err := <-j.written:
		return o.notWritten(j, err)
	case <-ctx.Done():
		go o.settleWrite(j)
		return ticket.Unknown(dependency, fmt.Errorf("write: %w", ctx.Err()))
	}
}

// notWritten reads the writer's result.
//
// ErrClosed is certain. The library returns that very value in two places only:
// before the first frame, when channel or connection are closed already, and
// instead of a later frame, when they close meanwhile; the broker then lacks
// that frame, and drops a message it has not got whole. Any other error may have
// come from the flush at the end, when every byte had left.
func (o *outlet) notWritten(j *job, err error) error {
	if err == nil {
		return nil
	}
	o.finish(j)
	if err == error(amqp.ErrClosed) {
		return ticket.Unavailable(dependency, err)
	}
	return ticket.Unknown(dependency, fmt.Errorf("write: %w", err))
}

// awaitConfirm waits for the broker's word. A return comes before the confirm of
// its message, and the broker confirms what it returned: ask for returns first.
func (o *outlet) awaitConfirm(ctx context.Context, j *job) error {
	acked, err := j.confirm.WaitContext(ctx)
	if o.cameBack(j) {
		// The queue is gone. A new connection declares it again.
		o.session.sever()
		go o.settleConfirm(j)
		return ticket.Unavailable(dependency, ErrUnroutable)
	}
	if err != nil {
		go o.settleConfirm(j)
		return ticket.Unknown(dependency, fmt.Errorf("wait for the confirm: %w", err))
	}
	o.finish(j)
	if !acked {
		// The library says so too when the connection was lost.
		return ticket.Unknown(dependency, errors.New("not confirmed"))
	}
	return nil
}

// settleWrite waits on behalf of a caller who left while the writer was at it.
func (o *outlet) settleWrite(j *job) {
	if err := <-j.written; err != nil {
		o.finish(j)
		return
	}
	o.settleConfirm(j)
}

// settleConfirm waits on behalf of a caller who left: his slot is taken until
// the broker has spoken or the connection is gone.
func (o *outlet) settleConfirm(j *job) {
	<-j.confirm.Done()
	o.cameBack(j)
	o.finish(j)
}

// finish gives the slot back.
func (o *outlet) finish(j *job) {
	o.mu.Lock()
	j.over = true
	for len(o.outstanding) > 0 && o.outstanding[0].over {
		o.outstanding = o.outstanding[1:]
	}
	o.mu.Unlock()
	<-o.slots
}

// cameBack reads the returns that have arrived and asks for one.
func (o *outlet) cameBack(j *job) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		select {
		case r, open := <-o.returns:
			if open {
				o.returned[r.CorrelationId] = true
				continue
			}
		default:
		}
		back := o.returned[j.serial]
		delete(o.returned, j.serial)
		return back
	}
}

// write is the writer: it alone publishes on the channel.
func (o *outlet) write(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case j := <-o.jobs:
			if j.taken.CompareAndSwap(false, true) {
				o.writeOne(j)
			}
		}
	}
}

func (o *outlet) writeOne(j *job) {
	o.mu.Lock()
	j.at = time.Now()
	o.outstanding = append(o.outstanding, j)
	o.mu.Unlock()
	confirm, err := o.session.ch.PublishWithDeferredConfirm("", j.queue, true, false, j.msg)
	if err != nil {
		// The library does not end the connection when a flush fails.
		o.session.sever()
	}
	j.confirm = confirm
	j.written <- err
}
