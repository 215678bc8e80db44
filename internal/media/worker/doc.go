// Package worker is the inside of kennel-media: it encodes the scenes of a
// display, or decodes a client's stream, with GStreamer.
//
// GStreamer is loaded at run time (gst.go), so that the program starts and can
// say what is missing on a machine without it. Nothing may fork after that.
// There are no callbacks from C: buffers are pushed into a pipeline from one
// goroutine (pipeline.go), which comes back when the codec has done its work,
// and errors are polled from the bus. C is never given Go memory to keep:
// pictures lie in mapped shared memory (memory.go), and what comes out is
// copied into Go memory.
//
// An encoding is three goroutines: the scene link's reader (scenes.go) keeps
// the newest picture, the encode loop (encoding.go) decides by a pacer
// (pacer.go) when to encode it and writes the result to the frame stream, and a
// watch (run.go) reports counters and ends the process when a codec hangs.
package worker
