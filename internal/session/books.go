package session

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/meter"
)

// books are the host's own open files, one page for each way in which the host
// may be busy: none at all, or with these sessions, each of which does this.
// Files of sessions that run cannot be told from what others leaked, but the
// same sessions hold the same. The page of the idle host is kept from the first
// quiet moment after a session: what a host opens once, at its first session,
// is no leak.
type books struct {
	pages chan map[string]files // holds the one map of pages, by posture
}

// files counts what is open, by what it is open for.
type files map[string]int

// idle is the posture of a host without sessions.
const idle = ""

// maxPages bounds the postures that are remembered. Those of sessions that have
// ended never come back.
const maxPages = 32

func newBooks() *books {
	b := &books{pages: make(chan map[string]files, 1)}
	b.pages <- map[string]files{}
	return b
}

// looks is how often a growth is looked at again: an API client may just be
// connected.
const looks = 10

// compare names what the host has open beyond the page of its posture; checked
// is false where there is none yet, or sessions begin and end all the time.
func (b *books) compare(h *House) (more []string, checked bool) {
	var pages map[string]files
	select {
	case pages = <-b.pages:
	default:
		if len(h.everybody()) > 0 {
			return nil, false // on a busy host looks must not queue up
		}
		pages = <-b.pages
	}
	defer func() { b.pages <- pages }()
	for range looks {
		// The next spare worker may just be starting.
		if posture, now, ok := h.steadyFiles(); ok {
			page, known := pages[posture]
			if !known {
				turn(pages, posture, h.lasting(posture, now))
				return nil, posture == idle
			}
			if more, checked = grown(page, now), true; len(more) == 0 {
				turn(pages, posture, settle(posture, page, now))
				return nil, true
			}
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-h.ending.Done():
		}
	}
	if !checked {
		return nil, false
	}
	// It is told once, and belongs to the host from now on.
	if posture, now, ok := h.steadyFiles(); ok {
		turn(pages, posture, now)
	}
	return more, true
}

// observe writes the page of a busy host that has none yet, before a session
// ends that may leak.
func (b *books) observe(h *House) {
	select {
	case pages := <-b.pages:
		defer func() { b.pages <- pages }()
		posture, ok := h.posture()
		if _, known := pages[posture]; !ok || known || posture == idle {
			return
		}
		if posture, now, ok := h.steadyFiles(); ok && posture != idle {
			turn(pages, posture, h.lasting(posture, now))
		}
	default: // a receipt is just being written
	}
}

// turn writes a page.
func turn(pages map[string]files, posture string, page files) {
	if _, known := pages[posture]; !known && len(pages) >= maxPages {
		maps.DeleteFunc(pages, func(other string, _ files) bool { return other != idle })
	}
	pages[posture] = page
}

// settle is the page after a look that found no growth. What an idle host has
// given back must not be taken again; what a session that runs has, may.
func settle(posture string, page, now files) files {
	if posture == idle {
		return now
	}
	most := maps.Clone(now)
	for target, n := range page {
		most[target] = max(n, now[target])
	}
	return most
}

// lasting leaves out of a first page what is open for a moment only: it would
// hide a leak of the same kind for ever.
func (h *House) lasting(posture string, first files) files {
	for range looks {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-h.ending.Done():
			return first
		}
		at, now, ok := h.steadyFiles()
		if !ok || at != posture {
			continue
		}
		for target, n := range first {
			if least := min(n, now[target]); least > 0 {
				first[target] = least
			} else {
				delete(first, target)
			}
		}
	}
	return first
}

// steadyFiles lists what this process has open, and in which posture, when no
// session begins or ends and the spare worker stands ready. Files of the
// database and connections come and go with clients, and sockets of multicast
// groups with the machine's interfaces.
func (h *House) steadyFiles() (posture string, open files, ok bool) {
	posture, ok = h.posture()
	if !ok {
		return "", nil, false
	}
	open, err := meter.Live.Targets(os.Getpid())
	if err != nil {
		return "", nil, false
	}
	if again, ok := h.posture(); !ok || again != posture {
		return "", nil, false
	}
	maps.DeleteFunc(open, func(target string, _ int) bool {
		return target == meter.Connection || target == meter.NetworkSocket || strings.HasPrefix(target, meter.Multicast) ||
			slices.ContainsFunc(h.o.Private, func(dir string) bool { return strings.HasPrefix(target, filepath.Clean(dir)+"/") })
	})
	return posture, open, true
}

// posture says what the sessions do that run; false where one of them, or the
// spare worker, is about to change.
func (h *House) posture() (string, bool) {
	if !h.spares.rest() {
		return "", false
	}
	var all []string
	for _, s := range h.everybody() {
		one, ok := s.posture()
		if !ok {
			return "", false
		}
		all = append(all, one)
	}
	slices.Sort(all)
	return strings.Join(all, "\n"), true
}

// posture is what decides which files of the host a session needs: what state
// it is in, and which children of the host work for it.
func (s *Session) posture() (string, bool) {
	if !s.appStart.TryLock() {
		return "", false // another app is just starting
	}
	beside := len(s.beside)
	s.appStart.Unlock()
	s.mu.Lock()
	state, group := s.state, s.group
	s.mu.Unlock()
	if state == Launching || state == Ending {
		return "", false
	}
	pids, err := group.PIDs()
	if err != nil {
		return "", false
	}
	var children []string
	for _, pid := range pids {
		if p, err := meter.Live.Process(pid); err == nil && p.Parent == os.Getpid() {
			children = append(children, p.Name)
		}
	}
	slices.Sort(children)
	return fmt.Sprint(s.id, " ", state, beside, s.pads.Count(), children), true
}

func grown(before, now files) []string {
	var more []string
	for target, n := range now {
		if d := n - before[target]; d > 0 {
			more = append(more, fmt.Sprintf("%d open files of kennel serve: %s", d, target))
		}
	}
	slices.SortFunc(more, cmp.Compare)
	return more
}
