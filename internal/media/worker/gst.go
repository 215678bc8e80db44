package worker

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// ErrMissing means that a library, of GStreamer or for Opus, is not installed.
var ErrMissing = errors.New("a library is missing")

// library is a shared object, the Debian package that brings it, and the
// functions used of it. Symbols of GLib are found through GStreamer's handle.
type library struct {
	soname, debian string
	symbols        map[string]*uintptr
}

// gst holds the addresses of the C functions in use. It is filled by load and
// only read afterwards.
var gst struct {
	initCheck, versionString                                     uintptr
	elementFactoryFind, pluginFeatureLoad, objectUnref           uintptr
	parseLaunch, elementSetState, binGetByName                   uintptr
	elementGetStaticPad, elementGetBus, busPopFiltered           uintptr
	messageParseError, miniObjectUnref                           uintptr
	padNew, padSetActive, padLink, padPush                       uintptr
	padPushEvent, padSendEvent                                   uintptr
	eventNewStreamStart, eventNewCaps, eventNewSegment           uintptr
	segmentNew, segmentInit, segmentFree                         uintptr
	capsFromString, capsGetStructure, structureGetInt            uintptr
	bufferNewWrapped, bufferNewAllocate, bufferFill, bufferClear uintptr
	bufferExtract, bufferGetSize                                 uintptr
	sampleGetBuffer, sampleGetCaps                               uintptr
	setObjectArg                                                 uintptr
	malloc0, free, clearError                                    uintptr

	appSinkTryPullSample uintptr

	newForceKeyUnit, bufferAddVideoMeta uintptr
}

func libraries() []library {
	return []library{
		{"libgstreamer-1.0.so.0", "libgstreamer1.0-0", map[string]*uintptr{
			"gst_init_check": &gst.initCheck, "gst_version_string": &gst.versionString,
			"gst_element_factory_find": &gst.elementFactoryFind, "gst_plugin_feature_load": &gst.pluginFeatureLoad,
			"gst_object_unref": &gst.objectUnref, "gst_parse_launch": &gst.parseLaunch,
			"gst_element_set_state": &gst.elementSetState, "gst_bin_get_by_name": &gst.binGetByName,
			"gst_element_get_static_pad": &gst.elementGetStaticPad, "gst_element_get_bus": &gst.elementGetBus,
			"gst_bus_pop_filtered": &gst.busPopFiltered, "gst_message_parse_error": &gst.messageParseError,
			"gst_mini_object_unref": &gst.miniObjectUnref,
			"gst_pad_new":           &gst.padNew, "gst_pad_set_active": &gst.padSetActive, "gst_pad_link": &gst.padLink,
			"gst_pad_push": &gst.padPush, "gst_pad_push_event": &gst.padPushEvent, "gst_pad_send_event": &gst.padSendEvent,
			"gst_event_new_stream_start": &gst.eventNewStreamStart, "gst_event_new_caps": &gst.eventNewCaps,
			"gst_event_new_segment": &gst.eventNewSegment,
			"gst_segment_new":       &gst.segmentNew, "gst_segment_init": &gst.segmentInit, "gst_segment_free": &gst.segmentFree,
			"gst_caps_from_string": &gst.capsFromString, "gst_caps_get_structure": &gst.capsGetStructure,
			"gst_structure_get_int":       &gst.structureGetInt,
			"gst_buffer_new_wrapped_full": &gst.bufferNewWrapped, "gst_buffer_new_allocate": &gst.bufferNewAllocate,
			"gst_buffer_fill": &gst.bufferFill, "gst_buffer_memset": &gst.bufferClear,
			"gst_buffer_extract": &gst.bufferExtract, "gst_buffer_get_size": &gst.bufferGetSize,
			"gst_sample_get_buffer": &gst.sampleGetBuffer, "gst_sample_get_caps": &gst.sampleGetCaps,
			"gst_util_set_object_arg": &gst.setObjectArg,
			"g_malloc0":               &gst.malloc0, "g_free": &gst.free, "g_clear_error": &gst.clearError,
		}},
		{"libgstapp-1.0.so.0", "libgstreamer-plugins-base1.0-0", map[string]*uintptr{
			"gst_app_sink_try_pull_sample": &gst.appSinkTryPullSample,
		}},
		{"libgstvideo-1.0.so.0", "libgstreamer-plugins-base1.0-0", map[string]*uintptr{
			"gst_video_event_new_upstream_force_key_unit": &gst.newForceKeyUnit,
			"gst_buffer_add_video_meta_full":              &gst.bufferAddVideoMeta,
		}},
	}
}

// load opens the libraries and initialises GStreamer. It is called once per
// process, and nothing forks after it.
func load() error {
	for _, l := range libraries() {
		if err := l.open(); err != nil {
			return err
		}
	}
	var failure uintptr
	cell := alloc(8)
	defer release(cell)
	if call(gst.initCheck, 0, 0, uintptr(cell))&0xffffffff == 0 {
		failure = *(*uintptr)(cell)
		return fmt.Errorf("initialise GStreamer: %s", takeError(failure))
	}
	return checkBufferLayout()
}

func (l *library) open() error {
	handle, err := purego.Dlopen(l.soname, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("%w: %s cannot be loaded, install the package %s (apt install %s): %w", ErrMissing, l.soname, l.debian, l.debian, err)
	}
	for name, address := range l.symbols {
		if *address, err = purego.Dlsym(handle, name); err != nil {
			return fmt.Errorf("%w: %s has no %s, the package %s is too old (GStreamer 1.20 and libopus 1.3 will do): %w", ErrMissing, l.soname, name, l.debian, err)
		}
	}
	return nil
}

// call calls a C function of integers and pointers.
//
//go:uintptrescapes
func call(fn uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(fn, args...)
	return r
}

// pointer makes an address from C a pointer. Such memory is not Go's, so that
// the garbage collector neither moves nor frees it.
func pointer(address uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}

// alloc returns n zero bytes of C memory.
func alloc(n int) unsafe.Pointer { return pointer(call(gst.malloc0, uintptr(n))) }

func release(p unsafe.Pointer) { call(gst.free, uintptr(p)) }

// goString copies a C string, at most 64 KiB of it.
func goString(address uintptr) string {
	if address == 0 {
		return ""
	}
	p := pointer(address)
	for n := range 64 << 10 {
		if *(*byte)(unsafe.Add(p, n)) == 0 {
			return strings.ToValidUTF8(string(unsafe.Slice((*byte)(p), n)), "?")
		}
	}
	return ""
}

// withString calls f with s as a C string that lives as long as the call.
func withString(s string, f func(s uintptr) uintptr) uintptr {
	p := alloc(len(s) + 1)
	defer release(p)
	copy(unsafe.Slice((*byte)(p), len(s)), s)
	return f(uintptr(p))
}

// takeError returns the text of a GError and frees it.
func takeError(gerror uintptr) string {
	if gerror == 0 {
		return "no reason given"
	}
	// struct GError { GQuark domain; gint code; gchar *message; }
	text := goString(*(*uintptr)(pointer(gerror + 8)))
	cell := alloc(8)
	defer release(cell)
	*(*uintptr)(cell) = gerror
	call(gst.clearError, uintptr(cell))
	return text
}

// version is that of the library, as in "1.22.0".
func version() string {
	address := call(gst.versionString)
	defer call(gst.free, address)
	return strings.TrimPrefix(goString(address), "GStreamer ")
}

// haveElement tells whether the registry names an element.
func haveElement(name string) bool {
	factory := findElement(name)
	unref(factory)
	return factory != 0
}

func findElement(name string) uintptr {
	return withString(name, func(s uintptr) uintptr { return call(gst.elementFactoryFind, s) })
}

// loadElement loads the plugin of an element, and tells whether there is one.
func loadElement(name string) bool {
	factory := findElement(name)
	if factory == 0 {
		return false
	}
	defer unref(factory)
	loaded := call(gst.pluginFeatureLoad, factory)
	unref(loaded)
	return loaded != 0
}
