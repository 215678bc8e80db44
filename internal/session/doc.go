// Package session is the life of a session: its stages in order, the processes
// that it owns, and how it gives everything back.
//
// A House holds the sessions of one host. Launch makes a session's directory,
// user, process group, display and app; Prepare starts an encoder for the
// stream that the client negotiated, Play hands its frames to the caller, and
// Pause stops it while the app lives on. End tears down in reverse order and
// checks from outside that nothing is left.
//
// Everything that holds a display, GPU or encoder resource is a process of
// exactly one session. Only a spare media worker, which has initialised
// GStreamer and nothing else, waits for its session outside of one.
package session
