// Kennel-media encodes and decodes for kennel, which starts it. Its verbs for
// people only say what it can do on this machine.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/media/worker"
)

// version is set by the build.
var version = "dev"

const usage = `usage:
  kennel-media --check                say which encoders and decoders work here
  kennel-media --build-registry FILE  write a registry of GStreamer's plugins
  kennel-media --version`

func main() {
	if err := run(time.Now(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kennel-media:", err)
		os.Exit(1)
	}
	// Not by return: goroutines may be inside of a codec.
	os.Exit(0)
}

func run(began time.Time, args []string) error {
	switch {
	case len(args) == 0:
		return worker.Run(began)
	case len(args) == 1 && args[0] == media.AudioArgument:
		return worker.RunAudio(began)
	case len(args) == 1 && args[0] == media.GPUArgument:
		return worker.RunGPUMeter(began)
	case len(args) == 1 && args[0] == media.HolderArgument:
		return worker.RunGPUHolder(began)
	case len(args) == 1 && args[0] == "--version":
		fmt.Println("kennel-media", version)
		return nil
	case len(args) == 1 && args[0] == "--check":
		return worker.Check(os.Stdout)
	case len(args) == 2 && args[0] == "--build-registry":
		return worker.BuildRegistry(args[1])
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h"):
		fmt.Println(usage)
		return nil
	}
	return fmt.Errorf("unknown arguments %q\n%s", args, usage)
}
