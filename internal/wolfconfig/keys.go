package wolfconfig

import (
	"fmt"
	"regexp"
	"strings"
)

// treatment is what becomes of a key.
type treatment struct {
	// used keys are honoured by what reads them, which notes what it cannot.
	used bool
	// why says what Kennel does instead of an unused key.
	why string
	// same tells that a value asks for what Kennel does anyway; nil for never.
	same func(any) bool
}

var used = treatment{used: true}

func unused(why string, same func(any) bool) treatment { return treatment{why: why, same: same} }

func is(values ...any) func(any) bool {
	return func(v any) bool {
		for _, one := range values {
			if number, ok := v.(int64); ok {
				v = float64(number)
			}
			if fmt.Sprint(v) == fmt.Sprint(one) {
				return true
			}
		}
		return false
	}
}

func empty(v any) bool {
	list, ok := v.([]any)
	return ok && len(list) == 0 || v == ""
}

func automatic(v any) bool {
	text, ok := v.(string)
	return ok && strings.EqualFold(text, "auto")
}

// Reasons that several keys share.
const (
	whyPipeline = "Kennel makes its own pipelines"
	whyCodec    = "Kennel streams H.264"
	whyPad      = "Kennel makes every gamepad the same, by buttons and sticks"
	whyPointer  = "Kennel passes motion to apps as the client sends it"
	whyUser     = "Kennel's apps with a state of their own run as 1000:1000"
	whyMenu     = "Kennel has one list of apps, without Wolf UI's profiles"
	whyGPU      = "Kennel gives containers every GPU of the machine unless the app names a render node"
	whyUnknown  = "Kennel does not know this key"
)

// appKeys are the keys of an app, below apps[] or profiles[].apps[].
var appKeys = map[string]treatment{
	"title":                    used,
	"icon_png_path":            used,
	"render_node":              used,
	"start_virtual_compositor": used,
	"start_audio_server":       unused("Kennel gives every app a sound server", is(true)),
	"support_hdr":              unused(whyCodec, is(false)),
	"app_state_folder":         unused("Wolf ignores it here, too: an app's state is in its client's or profile's folder", nil),
	"joypad_type":              unused(whyPad, automatic),
	"runner.type":              used,
	"runner.run_cmd":           used,
	"runner.name":              used,
	"runner.image":             used,
	"runner.mounts":            used,
	"runner.env":               used,
	"runner.devices":           used,
	"runner.ports":             used,
	"runner.base_create_json":  used,
	"runner.parent_session_id": used, // the app is left out, with a note
	"video.source":             used,
}

// fileKeys are all others.
var fileKeys = map[string]treatment{
	"hostname":                          used,
	"uuid":                              used,
	"config_version":                    used,
	"support_hevc":                      unused(whyCodec, is(false)),
	"support_av1":                       unused(whyCodec, is(false)),
	"apps":                              used, // as an empty list
	"profiles":                          used,
	"paired_clients":                    used,
	"profiles[].id":                     used,
	"profiles[].name":                   used,
	"profiles[].pin":                    used,
	"profiles[].apps":                   used,
	"profiles[].icon_png_path":          unused(whyMenu, empty),
	"paired_clients[].client_cert":      used,
	"paired_clients[].client_id":        unused("Kennel knows a client by its certificate", nil),
	"gpus":                              unused(whyGPU, empty),
	"gpus[].render_node":                unused(whyGPU, nil),
	"gpus[].weight":                     unused(whyGPU, nil),
	"excluded_gpus":                     unused(whyGPU, empty),
	"gstreamer.video.h264_encoders":     used,
	"gstreamer.video.hevc_encoders":     unused(whyCodec, empty),
	"gstreamer.video.av1_encoders":      unused(whyCodec, empty),
	"paired_clients[].app_state_folder": used,

	"gstreamer.video.h264_encoders[].plugin_name":          used,
	"paired_clients[].run_uid":                             unused(whyUser, is(1000)),
	"paired_clients[].run_gid":                             unused(whyUser, is(1000)),
	"paired_clients[].settings.run_uid":                    unused(whyUser, is(1000)),
	"paired_clients[].settings.run_gid":                    unused(whyUser, is(1000)),
	"paired_clients[].settings.controllers_override":       unused(whyPad, empty),
	"paired_clients[].settings.motion_controller_override": unused(whyPad, automatic),
	"paired_clients[].settings.mouse_acceleration":         unused(whyPointer, is(1)),
	"paired_clients[].settings.v_scroll_acceleration":      unused(whyPointer, is(1)),
	"paired_clients[].settings.h_scroll_acceleration":      unused(whyPointer, is(1)),
	"session_management.reuse_existing_sessions":           unused("a client of Kennel always comes back to its own session", is(true)),
	"session_management.clients_share_sessions":            unused("every client of Kennel has a session of its own", is(false)),
	"session_management.auto_start_containers":             unused("Kennel starts an app when a client launches it", is(false)),
}

var indices = regexp.MustCompile(`\[[0-9]+\]`)

// pattern is a path with [] for each index.
func pattern(path string) string { return indices.ReplaceAllString(path, "[]") }

// treat finds what becomes of a key by its pattern.
func treat(key string) treatment {
	if t, ok := fileKeys[key]; ok {
		return t
	}
	for _, prefix := range []string{"apps[].", "profiles[].apps[].", "profiles.apps[]."} {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		if t, ok := appKeys[rest]; ok {
			return t
		}
		if strings.HasPrefix(rest, "video.") || strings.HasPrefix(rest, "audio.") {
			return unused(whyPipeline, nil)
		}
	}
	switch {
	case strings.HasPrefix(key, "gstreamer.video.hevc_encoders[]."), strings.HasPrefix(key, "gstreamer.video.av1_encoders[]."):
		return unused(whyCodec, nil)
	case strings.HasPrefix(key, "gstreamer."):
		return unused(whyPipeline, nil)
	}
	return unused(whyUnknown, nil)
}
