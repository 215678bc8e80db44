package diagnosis

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// lives writes a log in which every life of the process has good sessions and,
// at last, one that fails.
func lives(faultAt ...int) string {
	var b strings.Builder
	at := time.Date(1, 1, 1, 1, 0, 0, 0, time.UTC)
	say := func(format string, args ...any) {
		fmt.Fprintf(&b, "%s "+format+"\n", append([]any{at.Format("15:04:05.000000000")}, args...)...)
		at = at.Add(100 * time.Millisecond)
	}
	element := 0
	for _, last := range faultAt {
		say("INFO  | Gstreamer version: 1.26.2-0")
		element = 0
		for n := 1; n <= last; n++ {
			say("DEBUG | 10.0.0.2 [GET] HTTPS://10.0.0.1/launch")
			say("INFO  | Wayland display ready, listening on: wayland-1")
			say("DEBUG | [PULSE] Created virtual sink: %d", 2+n)
			if n == last {
				fmt.Fprintf(&b, "0:00:%02d.000000000 1 0x7 WARN cudacontext a.cpp:1:f:<nvh265enc%d> CUDA call failed: CUDA_ERROR_NOT_PERMITTED, x\n", n, element)
			}
			say("DEBUG | [ENET] connected client: 10.0.0.2:1")
			say("DEBUG | 10.0.0.2 [GET] HTTPS://10.0.0.1/cancel")
			element++
		}
	}
	say("INFO  | Gstreamer version: 1.26.2-0")
	return b.String()
}

func TestTrend(t *testing.T) {
	c := catalogue(t)
	l, err := c.Read(t.Context(), Source{"x", strings.NewReader(lives(5, 7, 6))})
	if err != nil {
		t.Fatal(err)
	}
	d := c.Diagnose(l)
	trend := d.Trend()
	if trend.Sessions != 18 || trend.Faulty != 3 || trend.Restarts != 3 || trend.Expected != 6 {
		t.Errorf("%+v", trend)
	}
	for i, want := range []int{5, 7, 6} {
		if life := trend.Lives[i]; life.FirstFault != want || life.Root != "cuda-not-permitted" || !life.Restarted || life.ToRestart <= 0 {
			t.Errorf("life %d: %+v, want a fault at %d", i, life, want)
		}
	}
	if n := len(trend.Counters); n == 0 || trend.Counters[0].Counter != "audio sink" || trend.Counters[0].Slope < 0.99 || trend.Counters[0].Slope > 1.01 {
		t.Errorf("counters: %+v", trend.Counters)
	}
	var out bytes.Buffer
	if err := trend.WriteText(&out); err != nil || !strings.Contains(out.String(), "session 6 of a life") || !strings.Contains(out.String(), "95 % FROM") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if d.Root.Reading == "" || !strings.Contains(d.Root.Reading+d.Root.Cure, "estart") {
		t.Errorf("after good sessions it reads %q", d.Root.Reading)
	}
}

func TestLastGood(t *testing.T) {
	c := catalogue(t)
	l, err := c.Read(t.Context(), Source{"x", strings.NewReader(lives(3))})
	if err != nil {
		t.Fatal(err)
	}
	comparison, err := c.LastGood(c.Diagnose(l))
	if err != nil || comparison.Good.Session.Ordinal != 2 || comparison.Bad.Session.Ordinal != 3 {
		t.Errorf("%+v, %v", comparison, err)
	}
	if _, err := c.LastGood(seed(t, c, "good.log")); err == nil {
		t.Error("a log without a bad session was compared")
	}
}

func TestHTMLIsOneFile(t *testing.T) {
	c := catalogue(t)
	var out bytes.Buffer
	if err := seed(t, c, "bad.log").WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, part := range []string{"<svg", "gl-oom", "video_pipeline", "Do now:", "wayland-2"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q", part)
		}
	}
	for _, part := range []string{"<script", "src=", "http:", "https:"} {
		if strings.Contains(strings.ReplaceAll(text, "HTTPS://172", ""), part) {
			t.Errorf("it has %q", part)
		}
	}
}
