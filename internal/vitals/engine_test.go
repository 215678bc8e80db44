package vitals

import (
	"testing"

	"github.com/kennel-stream/kennel/internal/engine"
)

// TestTwoDrivers: Wolf with the libraries of two drivers fails in ways that
// name neither.
func TestTwoDrivers(t *testing.T) {
	for _, c := range []struct {
		d    engine.Details
		want State
	}{
		{engine.Details{}, OK},
		{engine.Details{Toolkit: true, NVIDIADevices: true}, OK},
		{engine.Details{DriverVolume: true, NVIDIADevices: true}, OK},
		{engine.Details{NVIDIADevices: true}, Warning},
		{engine.Details{Toolkit: true, DriverVolume: true}, Fault},
	} {
		if got := lookLibraries(c.d); got.State != c.want || c.want != OK && got.Cure == "" {
			t.Errorf("%+v: %+v", c.d, got)
		}
	}
}
