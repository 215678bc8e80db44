package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/confine"
	"github.com/kennel-stream/kennel/internal/demo"
	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/compositor"
)

// hidden are the verbs that kennel itself starts.
var hidden = map[string]func() int{"display": runDisplay, "demo": runDemo, confine.Verb: runConfine}

// runConfine becomes the app of a session, or tries what Check asks for.
func runConfine() int {
	err := confine.Run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kennel confine:", err)
		return 1
	}
	return 0
}

// runDisplay is the display process of one session.
func runDisplay() int {
	if err := compositor.Run(context.Background(), display.ControlFD, display.ListenFD); err != nil {
		fmt.Fprintln(os.Stderr, "kennel display:", err)
		return 1
	}
	return 0
}

// runDemo is the demo app, as a session and as a person starts it.
func runDemo() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := demo.Run(ctx, demo.Options{})
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "kennel demo:", err)
		return 1
	}
	return 0
}

// newDemo makes the verb visible in the help; main runs it directly.
func newDemo() *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "Show the demo app on the Wayland display of $WAYLAND_DISPLAY", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo.Run(cmd.Context(), demo.Options{}) },
	}
}
