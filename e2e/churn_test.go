package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/bench"
)

// TestChurn opens and closes sessions whose clients quit, resume or vanish, and
// looks whether the host is as it was: 30 sessions, with KENNEL_SOAK=1 200.
func TestChurn(t *testing.T) {
	t.Parallel() // nothing in it is timed
	sessions, limit := 30, 4*time.Minute
	if os.Getenv("KENNEL_SOAK") != "" {
		sessions, limit = 200, 30*time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	stdout, stderr, err := run(ctx, t, "bench", "churn", "--json", "--sessions", fmt.Sprint(sessions), "--port", fmt.Sprint(freeBase(t)))
	var c bench.Churn
	if jsonErr := json.Unmarshal([]byte(stdout), &c); jsonErr != nil {
		t.Fatalf("%v, %v\n%s", err, jsonErr, stderr)
	}
	if err != nil || c.Quit+c.Resumed+c.Vanished != sessions {
		t.Errorf("%v: %d of %d receipts with residue 0: %q, before %+v, after %+v", err, c.Receipts, sessions, c.Rot(), c.Before, c.After)
	}
	t.Logf("memory per session: %+v, of it the program's own %+v; before %d, after %d", c.RSS, c.Anon, c.Before.RSS, c.After.RSS)
}
