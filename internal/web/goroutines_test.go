package web

import (
	"sync"
	"testing"
)

func TestGoroutinesAreCountedByWhoStartedThem(t *testing.T) {
	const starter = "web.TestGoroutinesAreCountedByWhoStartedThem"
	if n := goroutinesBy()[starter]; n != 0 {
		t.Fatalf("%d goroutines before any was started", n)
	}
	end := make(chan struct{})
	for range 3 {
		go func() { <-end }()
	}
	var group sync.WaitGroup
	begun := make(chan struct{})
	group.Go(func() {
		close(begun)
		<-end
	})
	<-begun
	// The group's one is named by what it runs.
	if by := goroutinesBy(); by[starter] != 3 || by[starter+".func2"] != 1 {
		t.Errorf("%d and %d goroutines by this test, want 3 and 1: %v", by[starter], by[starter+".func2"], by)
	}
	close(end)
	group.Wait()
}
