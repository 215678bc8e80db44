package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/meter"
)

const (
	// gaugeEvery and gaugeDeadline find a meter that hangs within 5 s.
	gaugeEvery    = 2 * time.Second
	gaugeDeadline = 2 * time.Second
)

// The meters of every machine, beside those of GPUs.
const (
	fileMeter    = "files"
	processMeter = "processes"
	cgroupMeter  = "cgroups"
)

// gauges are what the host reads all the time, whatever happens: open files,
// processes, control groups, and GPUs whose drivers account their files.
func (h *House) gauges() []meter.Gauge {
	reads := map[string]func(context.Context) error{fileMeter: h.readFiles, processMeter: h.readProcesses, cgroupMeter: h.readCgroups}
	if len(h.drm.Nodes) > 0 {
		reads[media.DRMMeterName] = h.readDRM
	}
	var all []meter.Gauge
	for name, read := range reads {
		all = append(all, meter.Gauge{Name: name, Read: read, Every: gaugeEvery, Deadline: gaugeDeadline})
	}
	return all
}

// steady are the sessions that neither begin nor end.
func (h *House) steady() (all []*Session) {
	for _, s := range h.everybody() {
		if state := s.State(); state != Launching && state != Ending {
			all = append(all, s)
		}
	}
	return all
}

// forSteady reads something of each session; an error of one that ended
// meanwhile is none.
func (h *House) forSteady(read func(*Session) error) error {
	var errs []error
	for _, s := range h.steady() {
		if err := read(s); err != nil && !s.isEnding() {
			errs = append(errs, fmt.Errorf("session %s: %w", s.id, err))
		}
	}
	return errors.Join(errs...)
}

// readFiles reads what the host and every session have open. What a session has
// of GPU devices counts in admission.
func (h *House) readFiles(context.Context) error {
	_, err := meter.Live.OpenFiles(os.Getpid())
	h.books.observe(h)
	return errors.Join(err, h.forSteady(func(s *Session) error {
		files := meter.Live.OfKind(s.Processes(), meter.GPUFiles)
		if files.Known {
			s.gpuFiles.Store(files.N)
		}
		s.unseen.Store(!files.Known)
		return nil // a process that may not be looked into is no meter that fails
	}))
}

func (h *House) readProcesses(context.Context) error {
	_, err := meter.Live.Process(os.Getpid())
	return errors.Join(err, h.forSteady(func(s *Session) error {
		_, err := s.group.PIDs()
		return err
	}))
}

func (h *House) readCgroups(context.Context) error {
	return h.forSteady(func(s *Session) error {
		u, err := s.grouped()
		s.noteKills(u)
		return err
	})
}

func (h *House) readDRM(context.Context) error {
	return errors.Join(h.drm.Check(), h.forSteady(func(s *Session) error {
		_, err := h.drm.Of(s.Processes())
		return err
	}))
}

// pidsOf, usageOf and groupOf are readings out of turn.
func (h *House) pidsOf(ctx context.Context, s *Session) ([]int, error) {
	return meter.Ask(ctx, h.board, processMeter, func(context.Context) ([]int, error) { return s.group.PIDs() })
}

func (h *House) usageOf(ctx context.Context, pids []int) meter.Usage {
	u, err := meter.Ask(ctx, h.board, fileMeter, func(context.Context) (meter.Usage, error) { return meter.Live.Of(pids), nil })
	if err != nil {
		return meter.UnknownProcesses()
	}
	return u
}

func (h *House) groupOf(ctx context.Context, s *Session) meter.Usage {
	u, err := meter.Ask(ctx, h.board, cgroupMeter, func(context.Context) (meter.Usage, error) { return s.grouped() })
	if u == nil || errors.Is(err, meter.ErrLost) {
		return meter.Cgroup(nil) // all unknown
	}
	return u
}

// grouped measures the session's control groups, and those of its containers
// that are elsewhere. The peak of one that is gone is not known any more.
func (s *Session) grouped() (meter.Usage, error) {
	u, err := meter.ReadCgroup(s.group.Dirs())
	errs := []error{err}
	if v := meter.Cgroup(s.group.InnerDirs())[meter.OOMKills]; v.Known && s.group.Dirs()["memory"] != "" {
		u.Add(meter.OOMKills, v) // cgroup v1 counts a kill in the innermost group alone
	}
	adopted, missed := s.group.Adopted()
	for _, dirs := range adopted {
		more, err := meter.ReadCgroup(dirs)
		errs = append(errs, err)
		for r, v := range more {
			if v.Known {
				u.Add(r, v)
			}
		}
	}
	if missed {
		u[meter.MemoryPeak] = meter.Value{}
	}
	return u, errors.Join(errs...)
}

// meterChanged tells of a meter that went dark or came back.
func (h *House) meterChanged(r meter.Reading) {
	stage := evidence.StageLaunch
	if r.Name == media.GPUMeterName || r.Name == media.DRMMeterName {
		stage = evidence.StageVideoPipeline
	}
	e := evidence.Event{Version: evidence.EventVersion, Mono: evidence.Monotonic(), Wall: time.Now().UTC(), Boot: evidence.BootID(), Stage: stage, Kind: evidence.Note, Attrs: map[string]string{"meter": r.Name}}
	if r.Dark {
		e.Fault, e.Attrs["error"] = evidence.FaultMeterDark, r.Error
	} else {
		e.Attrs["state"] = "answers again"
	}
	h.tell(e)
}

// dark tells whether a meter is dark. A machine without that GPU has none.
func (h *House) dark(gauge string) bool { return gauge != "" && h.board.Dark(gauge) }
