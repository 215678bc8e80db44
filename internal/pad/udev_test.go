package pad

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

var sample = node{name: "event7", minor: 71, path: "/devices/virtual/input/input40/event7"}

func TestRecord(t *testing.T) {
	if got := recordName(sample); got != "c13:71" {
		t.Errorf("the record's file is %s", got)
	}
	got := string(record(12))
	for _, line := range []string{"I:12", "E:ID_INPUT=1", "E:ID_INPUT_JOYSTICK=1", "V:1"} {
		if !strings.Contains("\n"+got, "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, got)
		}
	}
}

// TestNews holds the header to that of systemd (src/libsystemd/sd-device/device-monitor.c).
func TestNews(t *testing.T) {
	m := news(added, sample, 3, 12)
	if string(m[:8]) != "libudev\x00" || binary.BigEndian.Uint32(m[8:]) != 0xfeedcafe {
		t.Errorf("it begins with %q", m[:12])
	}
	for at, want := range map[int]uint32{12: 40, 16: 40, 20: uint32(len(m) - 40), 28: 0, 32: 0, 36: 0} {
		if got := binary.NativeEndian.Uint32(m[at:]); got != want {
			t.Errorf("at %d is %d, want %d", at, got, want)
		}
	}
	// MurmurHash2("input"), of the reference implementation.
	if got := binary.BigEndian.Uint32(m[24:]); got != 0xc1a28470 {
		t.Errorf("the hash of the subsystem is %#x", got)
	}
	body := string(m[40:])
	if !strings.HasSuffix(body, "\x00") {
		t.Error("the last property has no end")
	}
	pairs := strings.Split(body, "\x00")
	for _, want := range []string{
		"ACTION=add", "DEVPATH=/devices/virtual/input/input40/event7", "SUBSYSTEM=input", "DEVNAME=/dev/input/event7", "MAJOR=13", "MINOR=71",
		"SEQNUM=3", "USEC_INITIALIZED=12", "ID_INPUT=1", "ID_INPUT_JOYSTICK=1",
	} {
		if !slices.Contains(pairs, want) {
			t.Errorf("no %s in %q", want, pairs)
		}
	}
}
