package diagnosis

import (
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/wolflog"
)

// putAside keeps a finding that does not count, with the reason. Nothing that a
// log shows is forgotten: the report lists it. Of a fault the first is kept.
func putAside(list *[]Finding, f Finding, reason string) {
	if slices.ContainsFunc(*list, func(o Finding) bool { return o.Fault == f.Fault }) || len(*list) >= maxFindings {
		return
	}
	f.Demoted = reason
	*list = append(*list, f)
}

// setAside books a line that does not count from the beginning.
func (r *reader) setAside(fault string, l *wolflog.Line, at time.Time, place Place, reason string) {
	list := &r.life().aside
	if s := r.live(); s != nil {
		list = &s.aside
	}
	if slices.ContainsFunc(*list, func(o Finding) bool { return o.Fault == fault }) {
		return
	}
	putAside(list, Finding{
		Fault: fault, Place: place, At: at, Dated: at.Year() > 1, Text: cutText(wolflog.Redact(strings.TrimSpace(string(l.Level) + " " + l.Message))),
		Count: 1, Last: at, lastPlace: place, Object: strings.Clone(wolflog.Redact(l.Object)),
	}, reason)
}
