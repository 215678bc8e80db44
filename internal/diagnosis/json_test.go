package diagnosis

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWriteJSON writes what the encoder at once would.
func TestWriteJSON(t *testing.T) {
	for _, d := range []*Diagnosis{
		folded(t, all, lives(3, 5)), folded(t, limits{first: 1, last: 2, batch: 1, bytes: 1e6}, lives(3, 5, 7)), folded(t, all, "x\n"),
	} {
		var got, want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetIndent("", "  ")
		if err := errors.Join(d.WriteJSON(&got), encoder.Encode(d)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Errorf("(-at once +streamed):\n%s", diff)
		}
		closed, w := io.Pipe()
		_ = closed.Close()
		if err := d.WriteJSON(w); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the error of the writer is lost: %v", err)
		}
	}
}
