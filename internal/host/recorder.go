package host

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/store"
)

// Recorder writes the events of all sessions to the log and the store. Events
// come in by Record, which never blocks; one goroutine (Run) writes them.
type Recorder struct {
	store *store.Store
	log   *slog.Logger
	queue chan record

	ended int // since the history was pruned; of Run
	done  int // records taken from the queue; of Run

	mu        sync.Mutex // covers what follows
	lost      int
	sent      int    // records put into the queue
	late      []late // what may not be lost, though the queue was full
	history   int
	outputDir string
}

// recorderQueue is how many events may wait for the database. A session has
// some twenty in its whole life.
const recorderQueue = 4096

// record is what is to be written: an event or a receipt.
type record struct {
	event   evidence.Event
	receipt *session.Receipt
}

// late is a record that found the queue full: its turn comes once so many have
// been taken from the queue.
type late struct {
	after int
	record
}

// maxLate bounds them: no host begins so many sessions while its database hangs.
const maxLate = 4096

// essential tells what the history may not lack: that a session began and ended,
// and its receipt.
func (r *record) essential() bool {
	return r.receipt != nil || r.event.Kind == evidence.Ended || r.event.Seq == 1
}

// NewRecorder returns a Recorder; Run must be called.
func NewRecorder(s *store.Store, log *slog.Logger) *Recorder {
	return &Recorder{store: s, log: log, queue: make(chan record, recorderQueue)}
}

// Forget has all but the newest ended sessions forgotten from now on, with the
// files in outputDir that bear their names; 0 keeps all. It may be called while
// Run runs.
func (r *Recorder) Forget(keep int, outputDir string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history, r.outputDir = keep, outputDir
}

// pruneEvery is after how many ends of sessions the history is pruned.
const pruneEvery = 50

// prune forgets old sessions.
func (r *Recorder) prune(ctx context.Context) {
	r.mu.Lock()
	keep, dir := r.history, r.outputDir
	r.mu.Unlock()
	if keep <= 0 {
		return
	}
	if _, err := r.store.PruneSessions(ctx, keep); err != nil {
		r.log.Error("old sessions were not forgotten", "error", err)
		return
	}
	// Files are named by ids that grow with time.
	files, err := os.ReadDir(dir)
	if err != nil || len(files) <= keep+pruneEvery {
		return
	}
	for _, f := range files[:len(files)-keep-pruneEvery] {
		if strings.HasSuffix(f.Name(), ".log") {
			_ = os.Remove(filepath.Join(dir, f.Name()))
		}
	}
}

// Record is an evidence.Sink.
func (r *Recorder) Record(e evidence.Event) {
	level := slog.LevelInfo
	switch {
	case e.Kind == evidence.Failed:
		level = slog.LevelError
	case e.Fault != "":
		level = slog.LevelWarn
	}
	attrs := []any{"session", e.Session, "stage", string(e.Stage)}
	if e.Fault != "" {
		attrs = append(attrs, "fault", string(e.Fault))
		if f, ok := evidence.LookupFault(e.Fault); ok {
			attrs = append(attrs, "meaning", f.Meaning)
		}
	}
	for name, value := range e.Attrs {
		if value != "" {
			attrs = append(attrs, name, value)
		}
	}
	r.log.Log(context.Background(), level, string(e.Stage)+" "+string(e.Kind), attrs...)
	if e.Session == "" {
		return // of the host itself, which has no entry in the history
	}
	r.enqueue(record{event: e})
}

// Receipt takes the receipt of a session.
func (r *Recorder) Receipt(receipt session.Receipt) {
	attrs := []any{"session", receipt.Session, "app", receipt.App}
	for _, name := range receipt.Took.Resources() {
		attrs = append(attrs, string(name), receipt.Took[name].String())
	}
	if receipt.Fault() != "" {
		r.log.Warn("receipt", append(attrs, "residue", receipt.Residue)...) // an event tells the fault
	} else {
		r.log.Info("receipt", append(attrs, "residue", 0)...)
	}
	r.enqueue(record{receipt: &receipt})
}

func (r *Recorder) enqueue(entry record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.queue <- entry:
		r.sent++
	default:
		if !entry.essential() || len(r.late) >= maxLate {
			r.lost++
			return
		}
		r.late = append(r.late, late{r.sent, entry})
	}
}

// take keeps a record of the queue, and those whose turn has come with it.
func (r *Recorder) take(entry record) {
	r.keep(entry)
	r.done++
	r.mu.Lock()
	n := 0
	for n < len(r.late) && r.late[n].after <= r.done {
		n++
	}
	due := slices.Clone(r.late[:n])
	r.late = slices.Delete(r.late, 0, n)
	r.mu.Unlock()
	for _, l := range due {
		r.keep(l.record)
	}
}

// Run stores events until ctx ends, and then what is still queued.
func (r *Recorder) Run(ctx context.Context) {
	first, cancel := context.WithTimeout(ctx, 10*time.Second)
	r.prune(first)
	cancel()
	for {
		select {
		case e := <-r.queue:
			r.take(e)
		case <-ctx.Done():
			for {
				select {
				case e := <-r.queue:
					r.take(e)
				default:
					return
				}
			}
		}
	}
}

// keep stores one record, and with the first and last of a session its entry in
// the history. The first event carries app and client.
func (r *Recorder) keep(entry record) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if receipt := entry.receipt; receipt != nil {
		raw, err := json.Marshal(receipt)
		if err == nil {
			err = r.store.PutReceipt(ctx, store.Receipt{Session: receipt.Session, JSON: raw})
		}
		if err != nil {
			r.log.Error("a receipt was not stored", "session", receipt.Session, "error", err)
		}
	} else if err := r.write(ctx, entry.event); err != nil {
		r.log.Error("an event was not stored", "session", entry.event.Session, "stage", string(entry.event.Stage), "error", err)
	}
	r.mu.Lock()
	lost := r.lost
	r.lost = 0
	r.mu.Unlock()
	if lost > 0 {
		r.log.Error("events were not stored: the database is too slow", "lost", lost)
	}
}

func (r *Recorder) write(ctx context.Context, e evidence.Event) error {
	if e.Seq == 1 {
		begin := store.Session{ID: e.Session, Client: e.Attrs["client"], App: e.Attrs["slug"], Title: e.Attrs["app"], Started: e.Wall}
		if err := r.store.BeginSession(ctx, begin); err != nil {
			return err
		}
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := r.store.AppendEvents(ctx, e.Session, []store.Event{{Seq: int64(e.Seq), JSON: raw}}); err != nil {
		return err
	}
	if e.Kind == evidence.Ended {
		if r.ended++; r.ended >= pruneEvery {
			r.ended = 0
			defer r.prune(ctx)
		}
		return r.store.EndSession(ctx, e.Session, e.Wall, e.Attrs["end"], nil)
	}
	return nil
}
