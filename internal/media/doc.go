// Package media starts and talks to media workers, the processes that encode
// and decode: `kennel-media`, whose inside is package media/worker.
//
// A Worker that Start returned is a warm spare: it has initialised GStreamer
// and loaded the codecs, but holds no pipeline and no GPU context. It takes one
// job in its life, Encode or Decode, and is killed afterwards; whatever its
// libraries forgot to free goes with it.
//
// The package also holds what both sides agree on: the control messages, the
// names of faults, the ladder of encoders, and a scanner for H.264 byte streams.
package media
