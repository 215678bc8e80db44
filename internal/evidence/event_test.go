package evidence

import (
	"testing"
	"time"
)

// TestMonotonicIsTheKernelsClock: other processes' times can be compared.
func TestMonotonicIsTheKernelsClock(t *testing.T) {
	const slack = int64(20 * time.Microsecond)
	for range 100 {
		before, m, after := readMonotonic(), Monotonic(), readMonotonic()
		if m < before-slack || m > after+slack {
			t.Fatalf("%d is not between %d and %d", m, before, after)
		}
	}
}
