package wolflog

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Shape is the kind of a line.
type Shape string

// The shapes of lines.
const (
	Wolf       Shape = "wolf"       // 06:40:13.479059649 ERROR | text
	Tracing    Shape = "tracing"    // 2025-10-02T06:40:11.752176Z ERROR target: text
	GStreamer  Shape = "gstreamer"  // 40:56:30.661481638 1 0x77fb WARN category file:1:func:<obj> text
	GLib       Shape = "glib"       // (waybar:132): Gtk-WARNING **: 07:40:13.036: text
	Sway       Shape = "sway"       // 00:00:00.200 [ERROR] [wlr] [file:1] text
	ContInit   Shape = "cont-init"  // [2025-10-02 07:40:11] text
	Supervisor Shape = "supervisor" // 2026-01-01 10:00:00,123 INFO text
	Panic      Shape = "panic"      // thread '<unnamed>' panicked at file:1:2:
	Kennel     Shape = "kennel"     // time=2026-01-01T10:00:00.123Z level=INFO msg=...
	Free       Shape = "free"       // anything else
)

// Level is how grave a line calls itself: "TRACE" to "FATAL", "" for none.
type Level string

// Clock says what a line's time is counted from.
type Clock int

// The clocks.
const (
	// NoClock: the line has no time.
	NoClock Clock = iota
	// UTCDay is a time of day in UTC, without a date.
	UTCDay
	// UTCDate is a time in UTC.
	UTCDate
	// LocalDay and LocalDate are those of the container's time zone.
	LocalDay
	LocalDate
	// SinceStart counts from the start of Wolf's process, SinceApp from the app's.
	SinceStart
	SinceApp
)

// Line is what one line of a log says.
type Line struct {
	Shape Shape
	Level Level
	Clock Clock
	// Time is since midnight for UTCDay and LocalDay, since the start for
	// SinceStart and SinceApp; Date is set instead for UTCDate and LocalDate.
	Time time.Duration
	Date time.Time
	// Stamped is the time at which Docker or a journal took the line, UTC; zero
	// where nothing says.
	Stamped time.Time
	// Category is a target, a GStreamer category or a GLib domain.
	Category string
	// Object is the GStreamer element: "nvh265enc10".
	Object string
	// Message is the rest.
	Message string
}

var (
	compose  = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_.-]*)\s+\| ?(.*)$`)
	dockerTS = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (.*)$`)
	journal  = regexp.MustCompile(`^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [^ :]+\[\d+\]: (.*)$`)

	bareWolf    = regexp.MustCompile(`^(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s*\| ?(.*)$`)
	tracingLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) +(TRACE|DEBUG|INFO|WARN|ERROR) (?:(?:[a-z_0-9]+(?:\{.*?\})?:)+ )?([a-z_0-9]+(?:::[a-z_0-9]+)*): ?(.*)$`)
	gstLine     = regexp.MustCompile(`^(\d+):(\d\d):(\d\d)\.(\d{9})\s+(?:\d+\s+(?:0x[0-9a-f]+|\d+)\s+)?(ERROR|WARN|FIXME|INFO|DEBUG|LOG|TRACE|MEMDUMP)\s+([^\s:]+):?\s+(?:[\w./+-]+:\d+:[\w~:]*:(?:<([^>]+)>)?\s?)?(.*)$`)
	glibLine    = regexp.MustCompile(`^\(?(?:\*\* )?\(?([\w.-]+):(\d+)\): ([\w-]+-)?(CRITICAL|WARNING|ERROR|Message) ?\*\*: (?:(\d\d):(\d\d):(\d\d\.\d{3}): )?(.*)$`)
	swayLine    = regexp.MustCompile(`^(\d\d):(\d\d):(\d\d\.\d{3}) (?:- )?\[?(ERROR|INFO|DEBUG)\]?:? (?:\[wlr\] )?(?:\[([^\]]+)\] )?(.*)$`)
	contInit    = regexp.MustCompile(`^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\] (.*)$`)
	supervisor  = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) (INFO|WARN|CRIT|DEBG|ERRO) (.*)$`)
	panicLine   = regexp.MustCompile(`^thread '?(.*?)'?(?: \(\d+\))? panicked at (.*)$`)
	kennelLine  = regexp.MustCompile(`^time=(\S+) level=(DEBUG|INFO|WARN|ERROR) (msg=.*)$`)
)

// Parse reads one line without its end. Whatever does not fit a shape is Free;
// it never fails.
func Parse(text string) Line {
	var l Line
	l.Parse(text)
	return l
}

// Parse is the function of that name, into a line that is there.
func (l *Line) Parse(text string) {
	// Most lines need none of these, which would look at each byte of it.
	if strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "")
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "?")
	}
	text = plain(text)
	if n := len(text); n > 0 && text[n-1] <= ' ' {
		text = strings.TrimRight(text, " \r\n\t")
	}
	*l = Line{}
	t, n := timeOfDay(text)
	if n == 0 {
		text = l.strip(text)
		t, n = timeOfDay(text)
	}
	if l.shaped(text, t, n) {
		return
	}
	text, done := l.stripMore(text)
	if done || l.behind(text) {
		return
	}
	l.Shape, l.Message = Free, text
}

// shaped reads a line of a known shape.
func (l *Line) shaped(text string, t time.Duration, n int) bool {
	return l.wolf(text, t, n) || l.tracing(text) || l.gst(text) || l.glib(text) || l.sway(text) || l.others(text)
}

// plain takes colours off, also those of copies that have lost the escape.
func plain(text string) string {
	var b strings.Builder
	from := 0
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '[')
		if i < 0 {
			break
		}
		begin := at + i
		escaped := begin > 0 && text[begin-1] == 0x1b
		n := colour(text[begin:], escaped)
		if at = begin + max(n, 1); n == 0 {
			continue
		}
		if escaped {
			begin--
		}
		b.WriteString(text[from:begin])
		from = at
	}
	if from == 0 {
		return text
	}
	b.WriteString(text[from:])
	return b.String()
}

// colour is the length of a control sequence without its escape, 0 for none.
// One without an escape must set a colour to count.
func colour(text string, escaped bool) int {
	if len(text) < 3 || text[0] != '[' {
		return 0
	}
	i := 1
	for i < len(text) && (text[i] >= '0' && text[i] <= '9' || text[i] == ';') {
		i++
	}
	letter := i < len(text) && (text[i] >= 'A' && text[i] <= 'Z' || text[i] >= 'a' && text[i] <= 'z')
	if letter && (escaped || text[i] == 'm' && i > 1 && i < 10) {
		return i + 1
	}
	return 0
}

// strip takes off what transports put in front.
func (l *Line) strip(text string) string {
	if m := compose.FindStringSubmatch(text); m != nil && !isLevel(m[1]) {
		text = m[2]
	}
	if m := journal.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	if m := dockerTS.FindStringSubmatch(text); m != nil {
		l.Stamped, _ = time.Parse(time.RFC3339Nano, m[1])
		text = m[2]
	}
	return text
}

func isLevel(word string) bool {
	switch word {
	case "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL":
		return true
	}
	return false
}

// clock is hours, minutes and seconds as a duration.
func clock(h, m, s string) time.Duration {
	hours, _ := strconv.Atoi(h)
	minutes, _ := strconv.Atoi(m)
	seconds, _ := strconv.ParseFloat(s, 64)
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds*1e9)
}

// timeOfDay reads hh:mm:ss with up to nine digits behind a point, and returns
// how long it is; 0 where there is none.
func timeOfDay(text string) (t time.Duration, length int) {
	const form = "00:00:00"
	if len(text) < len(form) || text[2] != ':' || text[5] != ':' {
		return 0, 0
	}
	h, m, s := twoDigits(text), twoDigits(text[3:]), twoDigits(text[6:])
	if h|m|s < 0 {
		return 0, 0
	}
	t, length = time.Duration(3600*h+60*m+s)*time.Second, len(form)
	if length == len(text) || text[length] != '.' {
		return t, length
	}
	length++
	fraction, missing := 0, 9
	for length < len(text) && text[length]-'0' <= 9 && missing > 0 {
		fraction = 10*fraction + int(text[length]-'0')
		length++
		missing--
	}
	return t + time.Duration(fraction*powersOfTen[missing]), length
}

var powersOfTen = [...]int{1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000}

// twoDigits is the number that a text of two bytes or more begins with; below 0
// for none.
func twoDigits(text string) int {
	tens, ones := text[0]-'0', text[1]-'0'
	if tens > 9 || ones > 9 {
		return -1
	}
	return int(10*tens + ones)
}

// wolf reads the lines that most logs are made of, without a regular expression;
// t is the time of day that the text begins with, and n how long that is.
func (l *Line) wolf(text string, t time.Duration, n int) bool {
	if n > 0 {
		rest, spaced := strings.CutPrefix(text[n:], " ")
		level, message, barred := strings.Cut(rest, "|")
		if level = strings.TrimRight(level, " "); spaced && barred && isLevel(level) {
			l.Shape, l.Clock, l.Time = Wolf, UTCDay, t
			l.Level, l.Message = Level(level), strings.TrimPrefix(message, " ")
			return true
		}
	}
	if text == "" || text[0] < 'A' || text[0] > 'Z' {
		return false
	}
	if m := bareWolf.FindStringSubmatch(text); m != nil {
		l.Shape, l.Level, l.Message = Wolf, Level(m[1]), m[2]
		return true
	}
	return false
}

func (l *Line) tracing(text string) bool {
	if len(text) < 20 || text[4] != '-' || text[10] != 'T' {
		return false
	}
	m := tracingLine.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	at, err := time.Parse(time.RFC3339Nano, m[1])
	if err != nil {
		return false
	}
	l.Shape, l.Clock, l.Date = Tracing, UTCDate, at
	l.Level, l.Category, l.Message = Level(m[2]), m[3], m[4]
	return true
}

func (l *Line) gst(text string) bool {
	m := gstLine.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	l.Shape, l.Clock, l.Time = GStreamer, SinceStart, clock(m[1], m[2], m[3]+"."+m[4])
	l.Level, l.Category, l.Object, l.Message = Level(m[5]), m[6], m[7], m[8]
	return true
}

func (l *Line) glib(text string) bool {
	if !strings.Contains(text, "**: ") {
		return false
	}
	m := glibLine.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	l.Shape, l.Level, l.Category, l.Message = GLib, Level(m[4]), strings.TrimSuffix(m[3], "-"), m[8]
	if m[5] != "" {
		l.Clock, l.Time = LocalDay, clock(m[5], m[6], m[7])
	}
	return true
}

func (l *Line) sway(text string) bool {
	m := swayLine.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	l.Shape, l.Clock, l.Time = Sway, SinceApp, clock(m[1], m[2], m[3])
	l.Level, l.Category, l.Message = Level(m[4]), m[5], m[6]
	return true
}

func (l *Line) others(text string) bool {
	if m := supervisor.FindStringSubmatch(text); m != nil {
		l.Shape, l.Clock, l.Level, l.Message = Supervisor, LocalDate, Level(m[3]), m[4]
		l.Date, _ = time.Parse("2006-01-02 15:04:05.000", m[1]+"."+m[2])
		return true
	}
	if m := contInit.FindStringSubmatch(text); m != nil {
		l.Shape, l.Clock, l.Message = ContInit, LocalDate, m[2]
		l.Date, _ = time.Parse(time.DateTime, m[1])
		return true
	}
	if m := panicLine.FindStringSubmatch(text); m != nil {
		l.Shape, l.Level, l.Category, l.Message = Panic, "ERROR", m[1], text
		return true
	}
	if m := kennelLine.FindStringSubmatch(text); m != nil {
		l.Shape, l.Clock, l.Level, l.Message = Kennel, UTCDate, Level(m[2]), m[3]
		l.Date, _ = time.Parse(time.RFC3339Nano, m[1])
		return true
	}
	return false
}
