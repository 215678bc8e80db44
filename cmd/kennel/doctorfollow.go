package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/diagnosis"
)

// teller tells of findings as they appear: beside the report where that is for
// programs.
func teller(cmd *cobra.Command, format string) func(diagnosis.Link) {
	w := cmd.OutOrStdout()
	if format != "text" {
		w = cmd.ErrOrStderr()
	}
	return func(l diagnosis.Link) { _, _ = fmt.Fprintln(w, l.Sentence()) }
}

// progressBar tells how far a long reading is.
type progressBar struct {
	w           io.Writer
	mu          sync.Mutex // covers what is below: several sources are read at once
	began, last time.Time
	shown       bool
}

// show is called by whoever reads.
func (b *progressBar) show(done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if now.Sub(b.began) < time.Second || now.Sub(b.last) < 200*time.Millisecond {
		return
	}
	b.last, b.shown = now, true
	if total > 0 {
		_, _ = fmt.Fprintf(b.w, "\rread %d of %d MiB, %d %%  ", done>>20, total>>20, 100*done/total)
		return
	}
	_, _ = fmt.Fprintf(b.w, "\rread %d MiB  ", done>>20)
}

func (b *progressBar) end() {
	if b.shown {
		_, _ = fmt.Fprint(b.w, "\r\x1b[K")
	}
}
