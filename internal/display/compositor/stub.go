//go:build !waylandready

package compositor

import (
	"context"
	"errors"
)

// Run serves one session until the host says stop (nil), its control link
// ends, or ctx does. It takes over both descriptors.
func Run(ctx context.Context, controlFD, listenFD int) error {
	return errors.New("this build has no wayland library")
}
