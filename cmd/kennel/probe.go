package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/probe"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

type probeFlags struct {
	identity, pin, app, mode, png string
	data                          string
	seconds, bitrate, keys        int
	audioChannels                 int
	asJSON, plain, keepRunning    bool
	show                          bool
}

func newProbe() *cobra.Command {
	var f probeFlags
	cmd := &cobra.Command{
		Use: "probe [HOST[:PORT]]", Short: "Be a Moonlight client: pair, launch, measure, leave", Args: cobra.MaximumNArgs(1),
		Long: `Be a headless Moonlight client: pair, launch an app, decode what is streamed,
type into it, leave, and say what was seen. It works against any Moonlight
host; with kennel's demo app it also reads the frame numbers in the picture.

Without HOST it is the host of --data on this machine, where the client pairs by
itself and is kept in the data directory.

With --show you look at the stream yourself: in the terminal, as sixel where it
can do that and as half blocks otherwise, until Ctrl-C. What you type goes to
the app. Without a terminal, or also, --png DIR gets a picture a second.`,
		Example: `  kennel probe --show
  kennel probe --app Terminal --mode 1920x1080x60 --png ./picture.png
  kennel probe tv.local --pair 1234 --identity ./me   # there: kennel pair 1234
  kennel probe tv.local --identity ./me --seconds 60 --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return runProbe(cmd, strings.Join(args, ""), f) },
	}
	dataFlag(cmd, &f.data)
	flags := cmd.Flags()
	flags.StringVar(&f.identity, "identity", "", "`directory` that keeps the client's certificate; none: a new client each time")
	flags.StringVar(&f.pin, "pair", "", "pair with this `PIN` unless paired already")
	flags.StringVar(&f.app, "app", "", "`title` of the app; the first one when empty")
	flags.StringVar(&f.mode, "mode", "1280x720x60", "`WxHxFPS` of the stream")
	flags.IntVar(&f.seconds, "seconds", 10, "how long to stream; 0 only pairs and lists")
	flags.IntVar(&f.bitrate, "bitrate", 10000, "bit rate in kbit/s")
	flags.IntVar(&f.audioChannels, "audio-channels", 2, "channels of the sound: 2, 6 or 8")
	flags.IntVar(&f.keys, "keys", 20, "keys to press and to look for in the picture")
	flags.BoolVar(&f.plain, "plain", false, "do not encrypt RTSP, as old clients")
	flags.BoolVar(&f.keepRunning, "keep", false, "leave the app running")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.BoolVar(&f.show, "show", false, "draw the stream in the terminal until Ctrl-C, or for --seconds when given")
	flags.StringVar(&f.png, "png", "", "write the last picture to this `file`; with --show, one a second into this directory")
	return cmd
}

func runProbe(cmd *cobra.Command, target string, f probeFlags) error {
	o := probe.Options{
		IdentityDir: f.identity, PIN: f.pin, App: f.app,
		Duration: time.Duration(f.seconds) * time.Second, BitrateKbps: f.bitrate, Keys: f.keys, Plain: f.plain, KeepRunning: f.keepRunning,
		AudioChannels: f.audioChannels,
	}
	var err error
	if o.Width, o.Height, o.FPS, err = parseMode(f.mode); err != nil {
		return err
	}
	if target == "" {
		err = probeOwnHost(cmd.Context(), f.data, &o)
	} else {
		o.Host, o.Port, err = splitHost(target)
	}
	if err != nil {
		return err
	}
	if f.show {
		if err := showStream(cmd, f, &o); err != nil {
			return err
		}
	}
	report, err := probe.Run(cmd.Context(), o)
	if report != nil && (err == nil || f.asJSON) {
		if printErr := printReport(cmd, report, f.asJSON); printErr != nil && err == nil {
			err = printErr
		}
	}
	if err == nil && f.png != "" && !f.show {
		err = report.WritePNG(f.png)
	}
	if err == nil && report != nil && !report.OK {
		return evidence.Errorf(evidence.Unavailable, "the stream is not healthy: %s", strings.Join(report.Problems, "; "))
	}
	return err
}

func printReport(cmd *cobra.Command, r *probe.Report, asJSON bool) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	return r.Render(cmd.OutOrStdout())
}

// splitHost takes HOST, HOST:PORT, or an IPv6 address with or without brackets.
func splitHost(target string) (string, int, error) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return strings.Trim(target, "[]"), gamestream.DefaultHTTPPort, nil
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 || host == "" {
		return "", 0, evidence.Errorf(evidence.Invalid, "%q is not HOST or HOST:PORT", target)
	}
	return host, n, nil
}

func parseMode(mode string) (width, height, fps int, err error) {
	if n, scanErr := fmt.Sscanf(mode, "%dx%dx%d", &width, &height, &fps); scanErr != nil || n != 3 || fmt.Sprintf("%dx%dx%d", width, height, fps) != mode ||
		width < 1 || height < 1 || fps < 1 {
		return 0, 0, 0, evidence.Errorf(evidence.Invalid, "--mode %q is not WIDTHxHEIGHTxFPS, as in 1280x720x60", mode)
	}
	return width, height, fps, nil
}
