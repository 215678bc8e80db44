package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/probe"
)

// BenchmarkLaunchToPicture reports the time from a client's launch request to
// its first decodable picture, 1280x720 at 60 fps, as a median and a worst.
// Run it as -benchtime 20x.
func BenchmarkLaunchToPicture(b *testing.B) {
	s := startServer(b, "")
	me := b.TempDir()
	s.pair(me, "1234")
	var pictures, decoded []time.Duration
	for b.Loop() {
		r := s.probe(me, "--seconds", "1", "--keys", "0", "--mode", "1280x720x60")
		pictures = append(pictures, time.Duration(r.Timing.FirstPicture))
		decoded = append(decoded, time.Duration(r.Timing.FirstDecoded))
	}
	slices.Sort(pictures)
	slices.Sort(decoded)
	b.ReportMetric(float64(pictures[len(pictures)/2].Microseconds())/1e3, "picture-p50-ms")
	b.ReportMetric(float64(pictures[len(pictures)-1].Microseconds())/1e3, "picture-max-ms")
	b.ReportMetric(float64(decoded[len(decoded)/2].Microseconds())/1e3, "decoded-p50-ms")
	b.ReportMetric(0, "ns/op")
}

const busyDemo = `version = 1
[[apps]]
title = "Busy"
[apps.runner]
type = "demo"
env = ["KENNEL_DEMO_BUSY=1"]
`

// mostServeCPU is the bar for BenchmarkServeCPU on an idle machine of two cores, in
// percent of one core.
const mostServeCPU = 2.0

// BenchmarkServeCPU reports what kennel serve itself takes of one core while it
// sends one stream of 1280x720 at 60 fps and about 10 Mbit/s: pictures, sound
// and control, encrypted or in the clear as far as clients can. Launch and end of
// the session are not counted, nor are display, encoder and app, which are other
// processes. switches/s is how often serve went to sleep.
func BenchmarkServeCPU(b *testing.B) {
	for _, name := range []string{"encrypted", "plain"} {
		encryption := map[string]string{"encrypted": "required", "plain": "off"}[name]
		b.Run(name, func(b *testing.B) {
			s := startServer(b, busyDemo+"[video]\nencryption = \""+encryption+"\"\n")
			me := b.TempDir()
			s.pair(me, "1234")
			var percent, rate, switches []float64
			for b.Loop() {
				load := s.streamLoad(me)
				if encrypted := load.report.EncryptedVideo && load.report.Audio.Encrypted; encrypted != (encryption == "required") {
					b.Fatalf("video and sound encrypted: %t", encrypted)
				}
				percent, switches = append(percent, load.percent), append(switches, load.switches)
				rate = append(rate, load.report.Frames.BitrateKbps/1000)
			}
			b.ReportMetric(median(percent), "%core")
			b.ReportMetric(median(rate), "Mbit/s")
			b.ReportMetric(median(switches), "switches/s")
			b.ReportMetric(0, "ns/op")
			if median(percent) > mostServeCPU {
				b.Logf("more than the bar of %.0f %% of a core", mostServeCPU)
			}
		})
	}
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// streamLoad is what serve does in 10 s of a stream.
type streamLoad struct {
	percent, switches float64
	report            *probe.Report
}

func (s *server) streamLoad(me string) streamLoad {
	b := s.t
	b.Helper()
	const window = 10 * time.Second
	// x264 with a reservoir of two frames uses half of what it may on noise.
	stream := s.background(me, "--seconds", "13", "--keys", "0", "--mode", "1280x720x60", "--bitrate", "22000")
	s.streaming()
	pid := s.cmd.Process.Pid
	before, slept, start := cpu(b, pid), sleeps(b, pid), time.Now()
	select {
	case <-time.After(window):
	case <-stream.done:
	}
	used, woken, took := cpu(b, pid)-before, sleeps(b, pid)-slept, time.Since(start)
	<-stream.done
	if stream.err != nil {
		b.Fatalf("probe: %v\n%s", stream.err, stream.stderr)
	}
	return streamLoad{100 * float64(used) / float64(took), float64(woken) / took.Seconds(), stream.report}
}

// sleeps is how often the threads of a process have gone to sleep
// (proc_pid_status(5), voluntary_ctxt_switches).
func sleeps(tb testing.TB, pid int) (n int) {
	tb.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		raw, _ := os.ReadFile(file) // a thread may have ended
		_, rest, _ := strings.Cut(string(raw), "\nvoluntary_ctxt_switches:")
		text, _, _ := strings.Cut(rest, "\n")
		count, _ := strconv.Atoi(strings.TrimSpace(text))
		n += count
	}
	return n
}

// cpu is what a process has used until now (proc_pid_stat(5), utime and stime).
func cpu(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatal(err)
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// BenchmarkFailover kills the encoder of one stream 20 times and reports how
// long the client went without a picture, as a median and a worst. More than 250
// and 500 ms are failures.
func BenchmarkFailover(b *testing.B) {
	const (
		kills        = 20
		usual, worst = 250.0, 500.0 // milliseconds
	)
	s := startServer(b, "")
	me := b.TempDir()
	s.pair(me, "1234")
	var gaps []float64
	for b.Loop() {
		stream := s.background(me, "--seconds", "35", "--keys", "0", "--mode", "1280x720x60")
		live := s.streaming()
		for range kills {
			// Steady again, and the next spare warm.
			frames := live.Network.Frames
			waitFor(b, "pictures after the failover", func() bool {
				all, err := s.api.Sessions(b.Context(), false)
				if err != nil || len(all) != 1 {
					return false
				}
				live = all[0]
				return live.Network.Frames >= frames+60
			})
			kill(b, process(b, live, "kennel-media"))
		}
		waitFor(b, "the last failover, by the same encoder", func() bool {
			all, err := s.api.Sessions(b.Context(), false)
			return err == nil && len(all) == 1 && all[0].Failovers != nil && all[0].Failovers.Count == kills && all[0].Encoder == live.Encoder
		})
		<-stream.done
		if stream.err != nil {
			b.Fatalf("the client did not survive: %v\n%s", stream.err, stream.stderr)
		}
		for _, gap := range stream.report.Frames.Gaps[:kills] {
			gaps = append(gaps, float64(gap)/1e6)
		}
	}
	slices.Sort(gaps)
	b.ReportMetric(gaps[len(gaps)/2], "gap-p50-ms")
	b.ReportMetric(gaps[len(gaps)-1], "gap-max-ms")
	b.ReportMetric(0, "ns/op")
	if gaps[len(gaps)/2] > usual || gaps[len(gaps)-1] > worst {
		b.Errorf("without a picture for %.0f ms, at worst %.0f ms", gaps[len(gaps)/2], gaps[len(gaps)-1])
	}
}
