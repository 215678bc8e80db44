package bench

import (
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/meter"
)

// still is a run of a host that holds the same at its end as at its beginning.
func still(sessions int) *Churn {
	at := Point{
		RSS: 30 << 20, Goroutines: 29, Files: meter.Exactly(28), Sockets: meter.Exactly(12),
		UnixSockets: meter.Exactly(3), Cgroups: meter.Exactly(6),
	}
	return &Churn{Sessions: sessions, Receipts: sessions, Before: at, After: at}
}

func TestRotNamesWhatGrew(t *testing.T) {
	if rot := still(30).Rot(); len(rot) != 0 {
		t.Fatalf("a host that is as it was: %q", rot)
	}
	for name, c := range map[string]struct {
		spoil func(*Churn)
		want  string
	}{
		"failure":       {func(c *Churn) { c.Failures = []string{"session 3 (quit): boom"} }, "boom"},
		"residue":       {func(c *Churn) { c.Receipts--; c.Residue = []string{"x: 1 process"} }, "x: 1 process"},
		"no receipt":    {func(c *Churn) { c.Receipts -= 2 }, "2 sessions without a receipt"},
		"left":          {func(c *Churn) { c.Left = []string{"process 7 (demo)"} }, "process 7"},
		"goroutine":     {func(c *Churn) { c.After.Goroutines++; c.After.GoroutinesBy = map[string]int{"host.stream": 1} }, "29, then 30 (1 by host.stream)"},
		"file":          {func(c *Churn) { c.After.Files.N++ }, "1 open files more"},
		"socket":        {func(c *Churn) { c.After.Sockets.N += 3 }, "3 sockets more"},
		"group":         {func(c *Churn) { c.After.Cgroups.N += 2 }, "2 control groups more"},
		"unknown files": {func(c *Churn) { c.After.Files = meter.Value{} }, "open files could not be counted"},
		"memory":        {func(c *Churn) { c.After.RSS += 31 * growth }, "KiB of memory more"},
	} {
		run := still(30)
		c.spoil(run)
		if rot := run.Rot(); len(rot) != 1 || !strings.Contains(rot[0], c.want) || run.Sound() {
			t.Errorf("%s: %q, want %q", name, rot, c.want)
		}
	}
}

// grown are the points of a long run whose memory grows by so many bytes per
// session, amid the noise that a garbage collector makes.
func grown(perSession float64) []Point {
	random := rand.New(rand.NewPCG(3, 5))
	var points []Point
	for n := 25; n <= 1000; n += 25 {
		bytes := 30<<20 + int64(perSession*float64(n)) + random.Int64N(256<<10)
		points = append(points, Point{Sessions: n, RSS: bytes, Anon: meter.Exactly(bytes / 2)})
	}
	random.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	return points
}

func TestTrendOfMemoryFindsAPlantedLeak(t *testing.T) {
	rss := func(p Point) meter.Value { return meter.Exactly(p.RSS) }
	leak := memoryTrend(grown(2400), rss)
	if !leak.Rising() || leak.Low > 2400 || leak.High < 2400 {
		t.Errorf("2400 bytes per session were planted: %+v", leak)
	}
	if half := memoryTrend(grown(2400), func(p Point) meter.Value { return p.Anon }); half.Low > 1200 || half.High < 1200 || !half.Rising() {
		t.Errorf("1200 bytes per session were planted: %+v", half)
	}
	if none := memoryTrend(grown(0), rss); none.Low > 0 || none.High < 0 {
		t.Errorf("nothing was planted: %+v", none)
	}
	long := still(1000)
	if long.RSS = leak; !slices.ContainsFunc(long.Rot(), func(s string) bool { return strings.Contains(s, "memory grows by") }) {
		t.Errorf("a leak over 1000 sessions is no rot: %q", long.Rot())
	}
}

func TestBeyondNamesChildrenThatAreNew(t *testing.T) {
	spare, spareAgain, demo := meter.Process{PID: 1, Name: "kennel-media"}, meter.Process{PID: 2, Name: "kennel-media"}, meter.Process{PID: 3, Name: "kennel"}
	if more := beyond([]meter.Process{spare}, []meter.Process{spareAgain}); len(more) != 0 {
		t.Errorf("another spare is left: %q", more)
	}
	if more := beyond([]meter.Process{spare}, []meter.Process{spare, demo}); len(more) != 1 || !strings.Contains(more[0], "process 3 (kennel)") {
		t.Errorf("a child that was not there before: %q", more)
	}
}

func TestPlotIsXML(t *testing.T) {
	c := still(1000)
	c.Points = grown(100)
	d, lines := xml.NewDecoder(strings.NewReader(string(c.SVG()))), 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
			lines++
			for _, a := range e.Attr {
				if a.Name.Local == "points" && len(strings.Fields(a.Value)) != len(c.Points)+2 {
					t.Errorf("%d points are drawn, want %d", len(strings.Fields(a.Value)), len(c.Points)+2)
				}
			}
		}
	}
	if lines != 2 {
		t.Errorf("%d lines are drawn, want memory and files", lines)
	}
}
