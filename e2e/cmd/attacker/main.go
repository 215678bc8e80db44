// Command attacker is a test program: it attacks a host as $KENNEL_ATTACK says,
// and prints what came of it. As an app it then shows the demo, so that its own
// session is a healthy one.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/kennel-stream/kennel/e2e/attack"
	"github.com/kennel-stream/kennel/internal/demo"
)

func main() {
	// Whoever is told to end tells what came of the attacks so far.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := act(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "attacker:", err)
		os.Exit(1)
	}
}

// act runs all orders at the same time. In a session it shows the demo from the
// start.
func act(ctx context.Context) error {
	var orders []attack.Order
	if err := json.Unmarshal([]byte(os.Getenv("KENNEL_ATTACK")), &orders); err != nil {
		return fmt.Errorf("read $KENNEL_ATTACK: %w", err)
	}
	var attacks sync.WaitGroup
	var printing sync.Mutex // a line is printed whole
	for _, o := range orders {
		attacks.Go(func() {
			line, err := json.Marshal(attack.Run(ctx, o))
			if err != nil {
				line = []byte(err.Error())
			}
			printing.Lock()
			defer printing.Unlock()
			fmt.Println("RESULT " + string(line))
		})
	}
	var err error
	if os.Getenv("WAYLAND_DISPLAY") != "" {
		// What a terminal would obey, in the app's output and in its window's title.
		fmt.Println("OUTPUT " + os.Getenv("KENNEL_TITLE"))
		err = demo.Run(ctx, demo.Options{Title: os.Getenv("KENNEL_TITLE")})
	}
	attacks.Wait()
	return err
}
