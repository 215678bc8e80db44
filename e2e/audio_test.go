package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/barcode"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/probe"
	"github.com/kennel-stream/kennel/internal/web"
)

// checkChannels holds every channel to the demo app's tone.
func checkChannels(t *testing.T, a probe.Audio, channels int) {
	t.Helper()
	if len(a.PerChannel) != channels {
		t.Fatalf("%d channels were heard, want %d: %+v", len(a.PerChannel), channels, a)
	}
	for k, c := range a.PerChannel {
		if !c.Right || c.ToneHz != barcode.Tone(k) || c.LevelDB < -40 || c.ClearDB < 6 {
			t.Errorf("channel %s: %+v, want %d Hz", c.Name, c, barcode.Tone(k))
		}
	}
}

// TestSoundInEveryChannel: stereo, 5.1 and 7.1 arrive with each tone where it
// belongs, encrypted, and a session leaves nothing behind.
func TestSoundInEveryChannel(t *testing.T) {
	s, me := pairedServer(t, "version = 1\n[video]\nencryption = \"required\"\n")
	before := s.look()
	for _, channels := range []int{2, 6, 8} {
		r := s.probe(me, "--seconds", "3", "--keys", "0", "--mode", "640x360x30", "--audio-channels", fmt.Sprint(channels))
		a := r.Audio
		checkChannels(t, a, channels)
		if !a.Encrypted || a.Refused != 0 || a.Packets < 300 || a.Lost > a.Packets/20 || r.Timing.FirstAudio <= 0 {
			t.Errorf("%d channels: %+v, first %s", channels, a, r.Timing.FirstAudio)
		}
		if a.Offset.Count == 0 {
			t.Errorf("%d channels: no beep was heard with a flash", channels)
		}
	}
	s.expectSame(t, before)
}

// TestSoundInTheClear: as TestSoundInEveryChannel, for a client that does not
// encrypt, and one that returns with another layout.
func TestSoundInTheClear(t *testing.T) {
	s, me := pairedServer(t, "version = 1\n[video]\nencryption = \"off\"\n")
	r := s.probe(me, "--seconds", "2", "--keys", "0", "--mode", "640x360x30")
	checkChannels(t, r.Audio, 2)
	if r.Audio.Encrypted || r.Audio.Refused != 0 {
		t.Errorf("sound: %+v", r.Audio)
	}
	// The sink stays as it was launched when its client returns with another
	// layout: what it does not have is remixed.
	s.probe(me, "--seconds", "1", "--keys", "0", "--mode", "640x360x30", "--keep")
	r = s.probe(me, "--seconds", "2", "--keys", "0", "--mode", "640x360x30", "--audio-channels", "6")
	if got := r.Audio.PerChannel; !r.Resumed || len(got) != 6 || !got[0].Right || !got[1].Right {
		t.Errorf("resumed %t with 6 channels: %+v", r.Resumed, got)
	}
}

// note finds an attribute of a session's events.
func note(d web.SessionDetail, name, part string) bool {
	for _, e := range d.Events {
		if strings.Contains(e.Attrs[name], part) {
			return true
		}
	}
	return false
}

// TestASoundServerThatDiesIsReplaced: the client hears the app again, which
// connects again by itself, and is never thrown out.
func TestASoundServerThatDiesIsReplaced(t *testing.T) {
	s, me := pairedServer(t, "")
	b := s.background(me, "--seconds", "7", "--keys", "4", "--mode", "640x360x30")
	live := s.streaming()
	old := process(t, live, "pulseaudio")
	kill(t, old)
	waitFor(t, "another sound server", func() bool {
		all, err := s.api.Sessions(t.Context(), false)
		if err != nil || len(all) != 1 {
			return false
		}
		now, found := find(all[0], "pulseaudio")
		return found && now != old
	})
	<-b.done
	if b.err != nil {
		t.Fatalf("the client did not survive: %v\n%s", b.err, b.stderr)
	}
	// What was heard is from before and after: a server that stays silent would
	// leave a gap to the end.
	checkChannels(t, b.report.Audio, 2)
	if longest := b.report.Audio.LongestGap; longest > 5e9 {
		t.Errorf("silence of %s", longest)
	}
	if b.report.Audio.Lost > 0 && b.report.Audio.Packets < 1000 {
		t.Errorf("the stream of silence had holes: %+v", b.report.Audio)
	}
	d := s.ended(live.ID)
	if d.End != string(evidence.EndClientQuit) || !hasFault(d, evidence.FaultSoundDied) || !note(d, "restarted", "may stay silent") || !note(d, "reconnected", "plays") {
		t.Errorf("end %s, events %+v", d.End, d.Events)
	}
}

// TestAnAppThatStaysSilent: an app without sound is told to the operator as one
// that may stay silent, once its sound server has been replaced. Silence flows.
func TestAnAppThatStaysSilent(t *testing.T) {
	s, me := pairedServer(t, "version = 1\n[[apps]]\ntitle = \"Mute\"\n[apps.runner]\ntype = \"demo\"\nenv = [\"PULSE_SERVER=\"]\n")
	b := s.background(me, "--seconds", "6", "--keys", "0", "--mode", "640x360x30")
	live := s.streaming()
	kill(t, process(t, live, "pulseaudio"))
	waitFor(t, "the warning", func() bool {
		d, err := s.api.Session(t.Context(), live.ID)
		return err == nil && note(d, "warning", "may stay silent")
	})
	<-b.done
	if b.err != nil {
		t.Fatalf("the client did not survive: %v\n%s", b.err, b.stderr)
	}
	if a := b.report.Audio; a.Packets < 600 || len(a.PerChannel) != 2 || a.PerChannel[0].LevelDB > -80 {
		t.Errorf("silence: %+v", a)
	}
}

// TestAnAudioEncoderThatDiesIsReplaced: sound and picture go on.
func TestAnAudioEncoderThatDiesIsReplaced(t *testing.T) {
	s, me := pairedServer(t, "")
	b := s.background(me, "--seconds", "5", "--keys", "2", "--mode", "640x360x30")
	live := s.streaming()
	pid, found := find(live, media.AudioArgument)
	if !found {
		t.Fatalf("no encoder of sound among %v", live.Processes)
	}
	kill(t, pid)
	<-b.done
	if b.err != nil {
		t.Fatalf("the client did not survive: %v\n%s", b.err, b.stderr)
	}
	checkChannels(t, b.report.Audio, 2)
	if d := s.ended(live.ID); !hasFault(d, evidence.FaultAudioDied) || b.report.Audio.Packets < 500 {
		t.Errorf("events %+v, sound %+v", d.Events, b.report.Audio)
	}
}

// TestASessionWithoutASoundServer: the picture is there, and an event says why
// there is no sound.
func TestASessionWithoutASoundServer(t *testing.T) {
	t.Parallel() // nothing in it is timed
	s, me := pairedServer(t, "version = 1\n[audio]\nserver = \"/nonexistent/pulseaudio\"\n")
	r := s.probe(me, "--seconds", "3", "--keys", "2", "--mode", "640x360x30")
	if r.Audio.Packets != 0 || r.Input.Echoed != 2 {
		t.Errorf("report: %+v", r)
	}
	all, err := s.api.Sessions(t.Context(), true)
	if err != nil || len(all) != 1 {
		t.Fatalf("sessions %+v, %v", all, err)
	}
	if d := s.ended(all[0].ID); !hasFault(d, evidence.FaultSoundMissing) || !note(d, "error", "apt install pulseaudio") {
		t.Errorf("events: %+v", d.Events)
	}
}

// find is process without the failure, and finds workers for sound too.
func find(session web.Session, word string) (int, bool) {
	for _, pid := range session.Processes {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(cmdline), word) {
			return pid, true
		}
	}
	return 0, false
}

// BenchmarkSound measures a stream of a minute: the time from the launch request
// to the first packet of sound, the silence that should not be, and how far the
// beep is from the flash.
func BenchmarkSound(b *testing.B) {
	s := startServer(b, "")
	me := b.TempDir()
	s.pair(me, "1234")
	for b.Loop() {
		r, stderr, err := s.tryProbe(me, "--seconds", "60", "--keys", "0")
		if err != nil {
			b.Fatalf("probe: %v\n%s", err, stderr)
		}
		a := r.Audio
		ms := func(m probe.Millis) float64 { return float64(m) / 1e6 }
		b.ReportMetric(ms(r.Timing.FirstAudio), "first-sound-ms")
		b.ReportMetric(float64(a.Gaps), "gaps")
		b.ReportMetric(ms(a.LongestGap), "longest-gap-ms")
		b.ReportMetric(ms(a.Interval.P99), "interval-p99-ms")
		b.ReportMetric(ms(a.Offset.P50), "offset-p50-ms")
		b.ReportMetric(max(-ms(a.Offset.Min), ms(a.Offset.Max)), "offset-worst-ms")
		b.ReportMetric(0, "ns/op")
	}
}
