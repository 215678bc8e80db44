package diagnosis

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/meter"
)

// LifeTrend is one life of the process, as it wore.
type LifeTrend struct {
	// Life is its index among all that were read.
	Life     int       `json:"life"`
	Started  time.Time `json:"started,omitzero"`
	Sessions int       `json:"sessions"`
	// FirstFault is the ordinal of the first session that went wrong, 0 for
	// none, and its root.
	FirstFault int    `json:"first_fault"`
	Root       string `json:"root,omitempty"`
	// ToRestart is from that fault to the next start of the process, 0 where the
	// log shows none.
	ToRestart time.Duration `json:"to_restart_ns"`
	// Restarted says that the log shows that next start.
	Restarted bool `json:"restarted"`
}

// CounterTrend is how a counter grew from session to session within its life.
type CounterTrend struct {
	Counter string `json:"counter"`
	// Slope is per session, Low and High are its bounds at 95 %; Last is the
	// highest value.
	Slope float64 `json:"slope"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Last  int     `json:"last"`
}

// Trend is what all sessions of logs say together.
type Trend struct {
	Version  int            `json:"version"`
	Sessions int            `json:"sessions"`
	Faulty   int            `json:"faulty"`
	Restarts int            `json:"restarts"`
	Lives    []LifeTrend    `json:"lives"`
	Counters []CounterTrend `json:"counters"`
	// Expected is at which session of a life the next fault is to be expected,
	// 0 where there were too few: the median of the lives in which one came
	// after good sessions.
	Expected int `json:"expected_fault_at"`
}

// Trend looks at all sessions of a diagnosis.
func (d *Diagnosis) Trend() *Trend {
	t := &Trend{
		Version: 1, Sessions: d.total(), Faulty: d.Folded.Faulty + d.Folded.Inconclusive, Restarts: len(d.Lives) + d.Folded.Lives - 1,
		Lives: []LifeTrend{}, Counters: []CounterTrend{},
	}
	var late []int
	for ordinal, lives := range d.Folded.late {
		late = append(late, slices.Repeat([]int{ordinal}, lives)...)
	}
	for n := range d.Lives {
		lt, faulty := d.life(n)
		t.Faulty += faulty
		if lt.FirstFault > 1 {
			late = append(late, lt.FirstFault)
		}
		t.Lives = append(t.Lives, lt)
	}
	if len(late) >= 2 {
		slices.Sort(late)
		t.Expected = late[len(late)/2]
	}
	t.Counters = d.counters()
	return t
}

// life is one, and how many of its sessions that are listed went wrong.
func (d *Diagnosis) life(n int) (lt LifeTrend, faulty int) {
	life := &d.Lives[n]
	gone := &life.gone
	lt = LifeTrend{
		Life: life.Number - 1, Started: life.Started, Sessions: len(life.Sessions) + gone.sessions, FirstFault: gone.first, Root: gone.root,
	}
	began := gone.began
	for _, i := range life.Sessions {
		s := &d.Sessions[i]
		if s.Verdict == OK {
			continue
		}
		faulty++
		if lt.FirstFault > 0 && lt.FirstFault <= s.Ordinal {
			continue
		}
		lt.FirstFault, lt.Root, began = s.Ordinal, "", s.Began
		if s.Root != nil {
			lt.Root = *s.Root
		}
	}
	if next := n + 1; lt.FirstFault > 0 && next < len(d.Lives) && d.Lives[next].Number == life.Number+1 && !d.Lives[next].Started.IsZero() {
		lt.ToRestart, lt.Restarted = d.Lives[next].Started.Sub(began), true
	}
	return lt, faulty
}

// counters draws a line through each counter of the last life that has several
// values, over the sessions of it that follow each other without a gap.
func (d *Diagnosis) counters() []CounterTrend {
	all := []CounterTrend{}
	for n := len(d.Lives) - 1; n >= 0; n-- {
		values := map[string][]meter.Value{}
		for k, i := range d.unbroken(d.Lives[n].Sessions) {
			s := &d.Sessions[i]
			add := func(name string, v int) {
				for len(values[name]) < k {
					values[name] = append(values[name], meter.Value{})
				}
				values[name] = append(values[name], meter.Exactly(v))
			}
			for element, v := range s.Elements {
				add(element, v)
			}
			if s.Sink > 0 {
				add("audio sink", s.Sink)
			}
		}
		for name, list := range values {
			line := meter.TrendOf(list)
			if line.Cycles < 3 {
				continue
			}
			last := int64(0)
			for _, v := range list {
				last = max(last, v.N)
			}
			all = append(all, CounterTrend{Counter: name, Slope: line.Slope, Low: line.Low, High: line.High, Last: int(last)})
		}
		if len(all) > 0 {
			break
		}
	}
	slices.SortFunc(all, func(a, b CounterTrend) int {
		if a.Counter < b.Counter {
			return -1
		}
		return 1
	})
	return all
}

// unbroken are the last of some sessions, of which none between is folded.
func (d *Diagnosis) unbroken(sessions []int) []int {
	begin := len(sessions) - 1
	for begin > 0 && d.Sessions[sessions[begin-1]].Number == d.Sessions[sessions[begin]].Number-1 {
		begin--
	}
	return sessions[max(0, begin):]
}

// headline is the trend in one line.
func (t *Trend) headline() string {
	return fmt.Sprintf("%s in %s of the process, %d of them went wrong", count(t.Sessions, "session", "sessions"), count(t.Restarts+1, "life", "lives"), t.Faulty)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// WriteText writes the trend for people, of 80 columns.
func (t *Trend) WriteText(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s", t.headline())
	p.line("")
	p.line("LIFE  STARTED             SESSIONS  FIRST FAULT TO RESTART ROOT")
	for _, l := range t.Lives {
		fault, restart := "-", "-"
		if l.FirstFault > 0 {
			fault = fmt.Sprintf("session %d", l.FirstFault)
		}
		if l.Restarted {
			restart = l.ToRestart.Round(time.Second).String()
		}
		started := "before the log"
		if !l.Started.IsZero() {
			started = l.Started.Format(time.DateTime)
			if l.Started.Year() <= 1 {
				started = l.Started.Format(time.TimeOnly)
			}
		}
		p.row("%4d  %-19s %8d  %-11s %-10s %s", l.Life+1, started, l.Sessions, fault, restart, l.Root)
	}
	if more := t.Restarts + 1 - len(t.Lives); more > 0 {
		p.line("%s more: only counted", count(more, "life", "lives"))
	}
	if len(t.Counters) > 0 {
		p.line("\nCOUNTER          PER SESSION  95 %% FROM  TO        HIGHEST")
		for _, c := range t.Counters {
			p.line("%-16s %11.2f  %9.2f  %-8.2f  %d", c.Counter, c.Slope, c.Low, c.High, c.Last)
		}
		p.para("", "They only grow: each session takes new elements. A slope above the number of elements of one session says that some are made anew within.")
	}
	if t.Expected > 0 {
		p.line("")
		p.para("Forecast: ", fmt.Sprintf("faults came after good sessions in several lives; the next is to be expected at about session %d of a life. Restart before that.", t.Expected))
	}
	return p.err
}
