// Command kennel streams headless Linux desktops and games to Moonlight
// clients, from sessions that cannot leak.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/escape"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// version is set by the linker.
var version = "dev"

func main() {
	// The processes of a session are started often and must be quick: they do
	// not pass through the command line's machinery.
	if len(os.Args) == 2 {
		if verb, ok := hidden[os.Args[1]]; ok {
			os.Exit(verb())
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		if verdict, ok := errors.AsType[verdictError](err); ok {
			stop()
			os.Exit(int(verdict))
		}
		printError(escape.NewWriter(os.Stderr), err)
		stop()
		os.Exit(exitCode(err))
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "kennel",
		Short: "Stream headless Linux desktops and games to Moonlight clients",
		Long:  "Kennel streams headless Linux desktops and games to Moonlight clients,\nfrom sessions that cannot leak.",
		Example: `  kennel serve            # start the host with the built-in demo app
  kennel pair 1234        # enter the PIN that Moonlight shows
  kennel probe --show     # see a stream without Moonlight`,
		Version: version, SilenceErrors: true, SilenceUsage: true,
	}
	// Whatever a command prints can hold what an app or a client named.
	root.SetOut(escape.NewWriter(os.Stdout))
	root.SetErr(escape.NewWriter(os.Stderr))
	root.SetUsageTemplate(usageTemplate)
	root.SetVersionTemplate("kennel version {{.Version}}\n")
	root.AddCommand(newManual(), newServe(), newPair(), newApps(), newClients(), newSessions(), newHealth(), newDoctor(), newProbe(), newImport(), newBench(), newDemo())
	return root
}

// printError writes one plain line: it is read in logs as often as on a
// terminal.
func printError(w io.Writer, err error) {
	_, _ = fmt.Fprintln(w, "kennel: "+err.Error())
}

// exitCode maps an error to the exit status that its kind has; what cobra
// itself finds wrong is a wrong use, 2.
func exitCode(err error) int {
	if evidence.KindOf(err) == evidence.Internal && isUsage(err) {
		return evidence.Invalid.ExitCode()
	}
	return evidence.KindOf(err).ExitCode()
}
