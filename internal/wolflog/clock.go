package wolflog

import "time"

// Dater gives every line a time on one clock: UTC where a date is known, and a
// time of day on day 0 (year 1) otherwise. Lines are given in the order of the
// log. The zero Dater is ready.
type Dater struct {
	last     time.Time     // of the newest line that was dated
	day      time.Time     // midnight of the present day
	previous time.Duration // time of day of the newest Wolf line
	start    time.Time     // of the process, from a GStreamer line near a dated one
	dated    bool          // day is a real date
	base     time.Time     // what day 0 really is
	app      time.Time     // of the app's start, where somebody else knows it
	rolled   bool          // day was told by a step back, and by no date since
}

// On begins on a day, which somebody else knows: a real date, or one of year 1
// where times of day are counted from another.
func (d *Dater) On(day time.Time) {
	d.day = day.Truncate(dayLength)
	if d.dated = day.Year() > 1; d.dated {
		d.base = d.day
	}
}

// Started says when the process and the app of a log began that tells only times
// since then; zero for what is not known.
func (d *Dater) Started(process, app time.Time) { d.start, d.app = process, app }

// Base is the real date of day 0, once a line has told a date: what was dated
// before counts from there. ok is false before.
func (d *Dater) Base() (base time.Time, ok bool) { return d.base, d.dated }

const dayLength = 24 * time.Hour

// Restarted says that another process begins: clocks that count from its start
// begin anew.
func (d *Dater) Restarted() { d.start = time.Time{} }

// Begins says that the line that is dated next begins another process: the log
// does not go back there. A time of day before that of the last line is of the
// next day.
func (d *Dater) Begins(l *Line) {
	if l.Clock == UTCDay && l.Stamped.IsZero() && !d.last.IsZero() && l.Time < d.previous-time.Minute {
		d.roll(l.Time)
	}
}

// stepBack is how far a log may go back within a day: lines of several threads
// and sources stand in the wrong order by seconds. More is the next day.
const stepBack = time.Hour

func (d *Dater) roll(t time.Duration) {
	d.day, d.rolled, d.previous = d.day.Add(dayLength), true, t
}

// Date returns the time of a line; ok is false where only the line before can
// tell, whose time is returned.
func (d *Dater) Date(l *Line) (at time.Time, ok bool) {
	switch l.Clock {
	case UTCDate:
		d.anchor(l.Date)
		return d.set(l.Date)
	case UTCDay:
		return d.set(d.wolf(l))
	case SinceStart:
		if d.start.IsZero() && !d.last.IsZero() {
			// Lines of one moment stand together.
			d.start = d.last.Add(-l.Time)
		}
		if d.start.IsZero() {
			return d.last, false
		}
		return d.start.Add(l.Time), true
	case SinceApp:
		if !d.app.IsZero() {
			return d.app.Add(l.Time), true
		}
	case LocalDay:
		return d.local(l.Time), !d.last.IsZero()
	case LocalDate:
		if d.last.IsZero() {
			return l.Date, true
		}
		return l.Date.Add(-quarter(l.Date.Sub(d.last))), true
	}
	if !l.Stamped.IsZero() {
		d.anchor(l.Stamped)
		return d.set(l.Stamped)
	}
	return d.last, false
}

func (d *Dater) set(at time.Time) (time.Time, bool) {
	d.last = at
	return at, true
}

// anchor learns the date.
func (d *Dater) anchor(at time.Time) {
	midnight := at.Truncate(dayLength)
	if !d.dated {
		d.base = midnight.Add(-d.day.Sub(time.Time{}))
		if !d.start.IsZero() && d.start.Year() <= 1 {
			d.start = time.Time{} // it is found again
		}
	}
	if !d.dated || midnight.After(d.day) || d.rolled {
		d.day, d.dated, d.rolled = midnight, true, false
	}
	d.previous = at.Sub(midnight)
}

// wolf dates a time of day: a step back is the next day, unless it is as small as
// that of lines of two threads in the wrong order.
func (d *Dater) wolf(l *Line) time.Time {
	if !l.Stamped.IsZero() {
		d.anchor(l.Stamped)
	}
	if l.Time < d.previous-stepBack {
		d.roll(l.Time)
	}
	d.previous = l.Time
	return d.day.Add(l.Time)
}

// local brings a local time of day to UTC by what it is off from the line
// before, in quarters of an hour as time zones are.
func (d *Dater) local(t time.Duration) time.Time {
	if d.last.IsZero() {
		return d.day.Add(t)
	}
	at := d.last.Truncate(dayLength).Add(t)
	return at.Add(-quarter(at.Sub(d.last)))
}

// quarter rounds to quarters of an hour.
func quarter(t time.Duration) time.Duration { return t.Round(15 * time.Minute) }
