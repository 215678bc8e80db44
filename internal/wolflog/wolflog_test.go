package wolflog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestShapes(t *testing.T) {
	for text, want := range map[string]Line{
		"\x1b[31;1m06:40:13.479059649 ERROR | [GSTREAMER] Pipeline error: x\x1b[0m":                                                          {Shape: Wolf, Level: "ERROR", Clock: UTCDay, Message: "[GSTREAMER] Pipeline error: x"},
		"wolf-1  | 08:55:13.505448038 INFO  | Wayland display ready":                                                                         {Shape: Wolf, Level: "INFO", Clock: UTCDay, Message: "Wayland display ready"},
		"06:46:02.412 INFO | short":                                                                                                          {Shape: Wolf, Level: "INFO", Clock: UTCDay, Message: "short"},
		"ERROR | [GSTREAMER] bare":                                                                                                           {Shape: Wolf, Level: "ERROR", Message: "[GSTREAMER] bare"},
		"2025-10-02T06:40:11.752176Z ERROR smithay::backend::renderer::gles: [GL] GL_OUT":                                                    {Shape: Tracing, Level: "ERROR", Clock: UTCDate, Category: "smithay::backend::renderer::gles", Message: "[GL] GL_OUT"},
		"2025-10-02T06:40:11.752176Z  WARN seat{name=\"s\"}:add{x}: waylanddisplaycore: hm":                                                  {Shape: Tracing, Level: "WARN", Clock: UTCDate, Category: "waylanddisplaycore", Message: "hm"},
		"40:56:30.661481638     1 0x77fb7c0562e0 WARN             cudacontext gstcudacontext.cpp:402:gst_create_cucontext: CUDA call failed": {Shape: GStreamer, Level: "WARN", Clock: SinceStart, Category: "cudacontext", Message: "CUDA call failed"},
		"40:56:30.661515478     1 0x77fb7c0562e0 ERROR            GST_CONTEXT gstcudautils.cpp:230:gst_cuda_ensure_element_context:<nvh265enc10> Failed to x": {Shape: GStreamer, Level: "ERROR", Clock: SinceStart, Category: "GST_CONTEXT", Object: "nvh265enc10", Message: "Failed to x"},
		"40:56:30.661481638 WARN cudacontext: CUDA call failed":               {Shape: GStreamer, Level: "WARN", Clock: SinceStart, Category: "cudacontext", Message: "CUDA call failed"},
		"(waybar:132): Gtk-WARNING **: 07:40:13.036: cannot open display: :0": {Shape: GLib, Level: "WARNING", Clock: LocalDay, Category: "Gtk", Message: "cannot open display: :0"},
		"00:00:00.200 [ERROR] [wlr] [backend/wayland/backend.c:60] Failed":    {Shape: Sway, Level: "ERROR", Clock: SinceApp, Category: "backend/wayland/backend.c:60", Message: "Failed"},
		"[2025-10-02 07:40:11] Nvidia driver":                                 {Shape: ContInit, Clock: LocalDate, Message: "Nvidia driver"},
		"2026-01-01 10:00:00,123 INFO success: wolf entered RUNNING state":    {Shape: Supervisor, Level: "INFO", Clock: LocalDate, Message: "success: wolf entered RUNNING state"},
		"thread '<unnamed>' panicked at src/a.rs:1:2:":                        {Shape: Panic, Level: "ERROR", Category: "<unnamed>", Message: "thread '<unnamed>' panicked at src/a.rs:1:2:"},
		"malloc(): corrupted": {Shape: Free, Message: "malloc(): corrupted"},
		"time=2026-11-23T16:35:23.838Z level=WARN msg=x fault=leak": {Shape: Kennel, Level: "WARN", Clock: UTCDate, Message: "msg=x fault=leak"},
	} {
		got := Parse(text)
		if got.Shape != want.Shape || got.Level != want.Level || got.Clock != want.Clock || got.Category != want.Category || got.Object != want.Object || got.Message != want.Message {
			t.Errorf("%q:\n got %+v\nwant %+v", text, got, want)
		}
	}
}

func TestClocksAreBroughtToOne(t *testing.T) {
	var d Dater
	at := func(text string) string {
		l := Parse(text)
		got, _ := d.Date(&l)
		return got.Format("2006-01-02 15:04:05.000")
	}
	for _, step := range [][2]string{
		{"2025-10-02T23:59:58.000000Z  WARN waylanddisplaycore: x", "2025-10-02 23:59:58.000"},
		{"23:59:59.000000000 INFO  | a", "2025-10-02 23:59:59.000"},
		{"40:56:30.000000000 1 0x7 WARN cudacontext a.c:1:f: b", "2025-10-02 23:59:59.000"},
		{"00:00:01.000000000 INFO  | the next day", "2025-10-03 00:00:01.000"},
		{"40:56:33.000000000 1 0x7 WARN cudacontext a.c:1:f: c", "2025-10-03 00:00:02.000"},
		{"(waybar:132): Gtk-WARNING **: 01:00:03.036: one hour east", "2025-10-03 00:00:03.036"},
		{"00:00:00.900000000 INFO  | of another thread", "2025-10-03 00:00:00.900"},
		{"no time at all", "2025-10-03 00:00:00.900"},
	} {
		if got := at(step[0]); got != step[1] {
			t.Errorf("%q is at %s, want %s", step[0], got, step[1])
		}
	}
	d.Restarted()
	if l := Parse("0:00:01.000000000 1 0x7 WARN cudacontext a.c:1:f: c"); true {
		if got, ok := d.Date(&l); !ok || got.Sub(d.last) > time.Second {
			t.Errorf("after a restart: %s, %t", got, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("../diagnosis/testdata/logs/*.log")
	for _, file := range files[:min(len(files), 10)] {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(raw[:min(len(raw), 4000)])) {
			f.Add(line)
		}
	}
	f.Add("99999999999999999999:99:99.999999999 1 0x1 WARN a b:1:c:<d> e")
	f.Fuzz(func(t *testing.T, text string) {
		l := Parse(text)
		var d Dater
		d.Date(&l)
		if l.Shape == "" {
			t.Error("a line without a shape")
		}
		Redact(text)
	})
}
