package media

import (
	"context"
	"fmt"

	"github.com/kennel-stream/kennel/internal/process"
)

// Try lets an encoder's element encode pictures in a worker that is thrown
// away, and says why it could not: a driver that crashes or hangs takes nobody
// with it. It also measures what that costs: see Ready.PixelNanos. ctx bounds it.
func Try(ctx context.Context, spawner *process.Spawner, o Options, element string) (Ready, error) {
	w, err := Start(ctx, spawner, o)
	if err != nil {
		return Ready{}, err
	}
	defer w.Kill()
	ready, err := w.begin(ctx, MessageTry, Rung{Element: element})
	if err != nil {
		return Ready{}, fmt.Errorf("try to encode: %w", err)
	}
	return ready, nil
}
