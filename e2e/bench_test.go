package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
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

// BenchmarkServeCPU reports what kennel serve itself takes of one core while it
// sends one stream of 1280x720 at 60 fps and about 10 Mbit/s, its packets
// encrypted or not.
// Display, encoder and app are other processes and not counted.
func BenchmarkServeCPU(b *testing.B) {
	for name, encryption := range map[string]string{"encrypted": "required", "plain": "off"} {
		b.Run(name, func(b *testing.B) {
			s := startServer(b, busyDemo+"[video]\nencryption = \""+encryption+"\"\n")
			me := b.TempDir()
			s.pair(me, "1234")
			// x264 with a reservoir of two frames uses half of what it may on noise.
			args := []string{"--seconds", "10", "--keys", "0", "--mode", "1280x720x60", "--bitrate", "22000"}
			var percent, rate []float64
			for b.Loop() {
				before, start := cpu(b, s.cmd.Process.Pid), time.Now()
				r := s.probe(me, args...)
				if r.EncryptedVideo != (encryption == "required") {
					b.Fatalf("video encrypted: %t", r.EncryptedVideo)
				}
				percent = append(percent, float64(cpu(b, s.cmd.Process.Pid)-before)/float64(time.Since(start))*100)
				rate = append(rate, r.Frames.BitrateKbps/1000)
			}
			slices.Sort(percent)
			slices.Sort(rate)
			b.ReportMetric(percent[len(percent)/2], "%core")
			b.ReportMetric(rate[len(rate)/2], "Mbit/s")
			b.ReportMetric(0, "ns/op")
		})
	}
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
