package evidence

import "slices"

// End is why a session is over: a closed set, carried to log, event, store,
// API and, as a termination code, to the client.
type End string

// The ends of a session.
const (
	// EndClientQuit: the client asked to quit the app (/cancel).
	EndClientQuit End = "client-quit"
	// EndClientGone: the client's control link was lost and it did not return in time.
	EndClientGone End = "client-gone"
	// EndNeverConnected: the client launched, but did not negotiate or connect in time.
	EndNeverConnected End = "never-connected"
	// EndAppExited: the app ended by itself with status 0, or with another one after
	// it was in use.
	EndAppExited End = "app-exited"
	// EndAppCrashed: the app ended by a signal, or soon after its start with a status
	// other than 0.
	EndAppCrashed End = "app-crashed"
	// EndDisplayDied: the session's display process ended, or hung and was killed.
	EndDisplayDied End = "display-died"
	// EndEncoderDied: no encoder could go on.
	EndEncoderDied End = "encoder-died"
	// EndLaunchFailed: a stage before streaming failed.
	EndLaunchFailed End = "launch-failed"
	// EndStopped: an operator stopped the session.
	EndStopped End = "stopped"
	// EndReplaced: the same client launched another app.
	EndReplaced End = "replaced"
	// EndShutdown: the host is stopping.
	EndShutdown End = "host-shutdown"
	// EndIdle: the player did nothing for longer than the host allows.
	EndIdle End = "idle"
	// EndServeDied: kennel serve itself died, and its next start ended what was left.
	EndServeDied End = "host-died"
)

var ends = []End{
	EndClientQuit, EndClientGone, EndNeverConnected, EndAppExited, EndAppCrashed, EndDisplayDied,
	EndEncoderDied, EndLaunchFailed, EndStopped, EndReplaced, EndShutdown, EndIdle, EndServeDied,
}

// Ends returns every end.
func Ends() []End { return slices.Clone(ends) }

// numbers are told to clients (Number). They are for ever: a new end takes the
// next one.
var numbers = map[End]uint16{
	EndClientQuit: 1, EndClientGone: 2, EndNeverConnected: 3, EndAppExited: 4, EndAppCrashed: 5, EndDisplayDied: 6,
	EndEncoderDied: 7, EndLaunchFailed: 8, EndStopped: 9, EndReplaced: 10, EndShutdown: 11, EndIdle: 12, EndServeDied: 13,
}

// Number is the end in a code for clients, above 0.
func (e End) Number() uint16 { return numbers[e] }

// NumberTakenOver is shown by a client that loses its stream to another one of
// the same certificate. It is no End, because the session continues.
const NumberTakenOver uint16 = 0x100

// EndByNumber is the end that Number tells; false for a number of none.
func EndByNumber(n uint16) (End, bool) {
	for e, number := range numbers {
		if number == n {
			return e, true
		}
	}
	return "", false
}

// Graceful reports whether a client should return to its list of apps without
// an error.
func (e End) Graceful() bool {
	switch e {
	case EndClientQuit, EndAppExited, EndStopped, EndReplaced, EndShutdown, EndIdle:
		return true
	}
	return false
}
