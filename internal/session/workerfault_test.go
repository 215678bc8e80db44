package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
)

// TestFaultsKeepTheirNames: what a worker names is what the event is called, in
// both pipelines and however often the error was wrapped.
func TestFaultsKeepTheirNames(t *testing.T) {
	named := media.Fault{ID: evidence.FaultEncoderInit, Detail: "8192x4320 is too large"}
	for _, test := range []struct {
		name         string
		err          error
		video, audio evidence.FaultID
	}{
		{"named", named, evidence.FaultEncoderInit, evidence.FaultEncoderInit},
		{"named and wrapped", fmt.Errorf("start encoder: %w", fmt.Errorf("%w: %w", named, errNoMemory)), evidence.FaultEncoderInit, evidence.FaultEncoderInit},
		{"named and killed", killedError{named}, evidence.FaultEncoderInit, evidence.FaultEncoderInit},
		{"a name that is not in the catalogue", media.Fault{ID: "x"}, evidence.FaultEncoderError, evidence.FaultAudioDied},
		{"gone", media.ErrGone, evidence.FaultEncoderDied, evidence.FaultAudioDied},
		{"late", context.DeadlineExceeded, evidence.FaultEncoderInit, evidence.FaultAudioStart},
		{"missing", media.ErrEncoderMissing, evidence.FaultEncoderMissing, evidence.FaultEncoderMissing},
		{"an app's buffer", clientBufferError{1, media.ErrGone}, evidence.FaultClientBuffer, evidence.FaultClientBuffer},
		{"unknown", errors.New("x"), evidence.FaultEncoderError, evidence.FaultAudioDied},
	} {
		if got := videoFaults.of(test.err); got != test.video {
			t.Errorf("%s: video is told as %s, want %s", test.name, got, test.video)
		}
		if got := audioFaults.of(test.err); got != test.audio {
			t.Errorf("%s: audio is told as %s, want %s", test.name, got, test.audio)
		}
	}
	mismatched := media.Fault{ID: evidence.FaultMediaRequest, Detail: "another release"}
	for _, names := range []faultNames{videoStart, audioStart} {
		if got := names.of(fmt.Errorf("start: %w", mismatched)); got != mismatched.ID {
			t.Errorf("a process that names why it does not start is told as %s", got)
		}
		if got := names.of(errors.New("x")); got != names.other {
			t.Errorf("a process that does not start is told as %s", got)
		}
	}
	faults := make(chan media.Fault, 1)
	if err := reportedFault(faults, io.EOF); !errors.Is(err, media.ErrGone) {
		t.Errorf("a worker without a word: %v", err)
	}
	faults <- named
	if err := reportedFault(faults, io.EOF); !errors.Is(err, named) {
		t.Errorf("a worker with a word: %v", err)
	}
}

// TestWhatAnAppsEndIsCalled: a status after the app was in use is the player's
// own doing, a signal and an early end are not.
func TestWhatAnAppsEndIsCalled(t *testing.T) {
	for _, test := range []struct {
		result app.Result
		want   evidence.End
	}{
		{app.Result{}, evidence.EndAppExited},
		{app.Result{Exit: process.Exit{Code: 3}, Ran: time.Second}, evidence.EndAppCrashed},
		{app.Result{Exit: process.Exit{Code: 3}}, evidence.EndAppCrashed},
		{app.Result{Exit: process.Exit{Code: 3}, Ran: inUse}, evidence.EndAppExited},
		{app.Result{Exit: process.Exit{Code: 127}, Ran: time.Hour}, evidence.EndAppExited},
		{app.Result{Exit: process.Exit{Code: 139}, Ran: time.Hour}, evidence.EndAppCrashed},
		{app.Result{Exit: process.Exit{Code: -1, Signal: syscall.SIGSEGV}, Ran: time.Hour}, evidence.EndAppCrashed},
		{app.Result{Exit: process.Exit{Code: 1}, Fault: evidence.FaultAppOOM, Ran: time.Hour}, evidence.EndAppCrashed},
	} {
		if _, got := consequence(test.result); got != test.want {
			t.Errorf("%+v ends the session as %s, want %s", test.result, got, test.want)
		}
	}
}
