package media

import (
	"context"
	"fmt"

	"github.com/kennel-stream/kennel/internal/process"
)

// Try lets an encoder's element encode pictures in a worker that is thrown
// away, and says why it could not: a driver that crashes or hangs takes nobody
// with it. ctx bounds it.
func Try(ctx context.Context, spawner *process.Spawner, o Options, element string) error {
	w, err := Start(ctx, spawner, o)
	if err != nil {
		return err
	}
	defer w.Kill()
	if _, err := w.begin(ctx, MessageTry, Rung{Element: element}); err != nil {
		return fmt.Errorf("try to encode: %w", err)
	}
	return nil
}
