package session

import (
	"context"
	"errors"
	"io"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
)

// reportedFault prefers the fault that a worker reported to the end of its
// stream, which is only the consequence. Both pipelines use it.
func reportedFault(faults <-chan media.Fault, err error) error {
	select {
	case fault, ok := <-faults:
		if ok {
			return fault
		}
	default:
	}
	if errors.Is(err, io.EOF) {
		return media.ErrGone
	}
	return err
}

// faultNames are the catalogue's faults for what ends a worker without a fault of
// its own: it is gone, it did not start in time, or anything else.
type faultNames struct{ gone, late, other evidence.FaultID }

var (
	// videoFaults and audioFaults are those of the two pipelines.
	videoFaults = faultNames{evidence.FaultEncoderDied, evidence.FaultEncoderInit, evidence.FaultEncoderError}
	audioFaults = faultNames{evidence.FaultAudioDied, evidence.FaultAudioStart, evidence.FaultAudioDied}
	// videoStart and audioStart are those of a process that does not become ready.
	videoStart = faultNames{evidence.FaultMediaStart, evidence.FaultMediaStart, evidence.FaultMediaStart}
	audioStart = faultNames{evidence.FaultAudioStart, evidence.FaultAudioStart, evidence.FaultAudioStart}
)

// of returns the fault that the worker named if the catalogue has it, else the one
// that the error is known for.
func (n faultNames) of(err error) evidence.FaultID {
	if reported, ok := errors.AsType[media.Fault](err); ok {
		if _, known := evidence.LookupFault(reported.ID); known {
			return reported.ID
		}
	}
	switch {
	case isClients(err):
		return evidence.FaultClientBuffer
	case errors.Is(err, media.ErrEncoderMissing):
		return evidence.FaultEncoderMissing
	case errors.Is(err, media.ErrGone):
		return n.gone
	case errors.Is(err, context.DeadlineExceeded):
		return n.late
	}
	return n.other
}
