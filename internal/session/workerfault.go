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

// faultOf names the catalogue's fault for what ended a worker of a pipeline: the
// one that the worker named, else the one that the error is known for, else
// unknown. gone is the fault of a worker that ended without a word.
func faultOf(err error, gone, unknown evidence.FaultID) evidence.FaultID {
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
		return gone
	case errors.Is(err, context.DeadlineExceeded) && unknown == evidence.FaultEncoderError:
		return evidence.FaultEncoderInit
	}
	return unknown
}

// videoFault and audioFault are faultOf in the two pipelines.
func videoFault(err error) evidence.FaultID {
	return faultOf(err, evidence.FaultEncoderDied, evidence.FaultEncoderError)
}

func audioFault(err error) evidence.FaultID {
	return faultOf(err, evidence.FaultAudioDied, evidence.FaultAudioDied)
}
