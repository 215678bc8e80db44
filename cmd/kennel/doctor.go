package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/escape"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/logsource"
)

// Exit statuses of the doctor.
const (
	doctorFault        = 1
	doctorUnusable     = 2
	doctorInconclusive = 3
)

// verdictError ends the program with the status of a verdict, which is no
// failure of the program itself and is not printed.
type verdictError int

func (e verdictError) Error() string { return fmt.Sprintf("verdict %d", int(e)) }

type doctorFlags struct {
	format, faults, plot string
	docker, follow       bool
	containers           []string
}

func newDoctor() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use: "doctor [FILE...]", Short: "Say from a log what broke, since when, and what to do",
		Long: `Say from a log what broke, since when, and what to do now: from Wolf's logs
or Kennel's own. Files may be compressed by gzip or zstd, and may have the
prefixes of Docker, Compose or a journal; - is the standard input, which is also
read where a log is piped in and no file is named. Several
sources are put together in the order of time.

With --follow the doctor goes on with what is written later, tells of each
finding as it appears, and ends by Ctrl-C with the report.

The exit status is 0 when the log shows that all is well, 1 when a fault was
found, 2 when the input cannot be used, and 3 when more than one cause fits or
the log does not tell enough.`,
		Example: `  kennel doctor wolf.log
  kennel doctor --docker
  kennel doctor --docker wolf
  kennel doctor --docker --follow
  docker logs wolf 2>&1 | kennel doctor
  kennel doctor --format json wolf.log.gz`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !f.docker && len(f.containers) == 0 {
				if !isPiped(cmd.InOrStdin()) {
					return cmd.Help()
				}
				args = []string{"-"} // cat wolf.log | kennel doctor
			}
			// The name of a container may stand behind --docker.
			if f.docker && len(f.containers) == 0 && len(args) == 1 && !fileExists(args[0]) {
				f.containers, args = args, nil
			}
			return runDoctor(cmd, args, f)
		},
	}
	cmd.Flags().StringVar(&f.format, "format", "text", "text, markdown, json or html")
	cmd.Flags().BoolVar(&f.docker, "docker", false, "read the log of a container: of the one named, or that runs Wolf")
	cmd.Flags().StringArrayVar(&f.containers, "container", nil, "read the log of the container with this `name`; may be repeated")
	cmd.Flags().BoolVar(&f.follow, "follow", false, "go on with what is written later, until Ctrl-C")
	plotFlag(cmd, &f.plot, "the timeline")
	cmd.PersistentFlags().StringVar(&f.faults, "faults", "", "`file` with further faults, in the form of kennel doctor faults --json")
	cmd.AddCommand(newDoctorCompare(&f), newDoctorTrend(&f), newDoctorFaults(&f), newDoctorExplain(&f), newDoctorSchema(), newDoctorCheck(), newDoctorBundle(&f))
	return cmd
}

// isPiped tells whether something is given on the standard input: a pipe or a
// file, and no terminal.
func isPiped(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && (info.Mode()&os.ModeNamedPipe != 0 || info.Mode().IsRegular())
}

func loadCatalogue(f *doctorFlags) (*diagnosis.Catalogue, error) {
	var own []byte
	if f.faults != "" {
		var err error
		if own, err = os.ReadFile(f.faults); err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "read the file of further faults: %w", err)
		}
	}
	return diagnosis.Load(own)
}

func runDoctor(cmd *cobra.Command, args []string, f doctorFlags) error {
	if !slices.Contains([]string{"text", "markdown", "json", "html"}, f.format) {
		return evidence.Errorf(evidence.Invalid, "--format %s: use text, markdown, json or html", f.format)
	}
	if err := checkPlot(f.plot); err != nil {
		return err
	}
	catalogue, err := loadCatalogue(&f)
	if err != nil {
		return err
	}
	options := logsource.Options{Docker: f.docker || len(f.containers) > 0, Containers: f.containers, Follow: f.follow}
	var tell func(diagnosis.Link)
	if f.follow {
		tell = teller(cmd, f.format)
	}
	d, err := diagnose(cmd, catalogue, options, tell, args)
	if err != nil {
		return err
	}
	if err := writePlot(f.plot, d.Picture); err != nil {
		return err
	}
	if f.follow && f.format == "text" {
		_, _ = fmt.Fprintln(cmd.OutOrStdout()) // between findings and report
	}
	switch f.format {
	case "json":
		out := bufio.NewWriter(cmd.OutOrStdout())
		err = errors.Join(d.WriteJSON(out), out.Flush())
	case "html":
		err = d.WriteHTML(cmd.OutOrStdout())
	case "markdown":
		err = d.WriteMarkdown(cmd.OutOrStdout())
	default:
		err = writeReport(cmd.OutOrStdout(), d)
	}
	switch {
	case err != nil:
		return err
	case d.Verdict == diagnosis.Faulty:
		return verdictError(doctorFault)
	case d.Verdict == diagnosis.Inconclusive:
		return verdictError(doctorInconclusive)
	}
	return nil
}

// doctorMemory is what the doctor's own data should take at most, in bytes; the
// program and its buffers come on top.
const doctorMemory = 56 << 20

// boundMemory has the memory of what is not needed any more collected in time,
// unless the user says otherwise.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" {
		debug.SetMemoryLimit(doctorMemory)
		debug.SetGCPercent(200) // the limit is what counts
	}
}

// writeReport writes for people, at a terminal with the answer in sight.
func writeReport(w io.Writer, d *diagnosis.Diagnosis) error {
	terminal := isTerminal(w)
	w = escape.Below(w) // the report escapes what it takes from logs, and has colours of its own
	colour := terminal && os.Getenv("NO_COLOR") == ""
	err := d.WriteText(w, colour)
	if err == nil && terminal {
		err = d.WriteConclusion(w, colour)
	}
	return err
}

// diagnose reads logs and finds the cause; tell is told of findings in logs that
// are followed. What could be read in part only is told on the standard error.
func diagnose(cmd *cobra.Command, c *diagnosis.Catalogue, o logsource.Options, tell func(diagnosis.Link), args []string) (*diagnosis.Diagnosis, error) {
	boundMemory()
	o.Stdin = cmd.InOrStdin()
	bar := progressBar{w: escape.Below(cmd.ErrOrStderr()), began: time.Now()}
	if isTerminal(cmd.ErrOrStderr()) && !o.Follow {
		o.Progress = bar.show
	}
	logs, err := logsource.Open(cmd.Context(), o, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = logs.Close() }()
	var sources []diagnosis.Source
	for _, s := range logs.Sources {
		sources = append(sources, diagnosis.Source{Name: s.Name, Reader: s.Reader})
	}
	var l *diagnosis.Log
	if o.Follow {
		if isTerminal(cmd.ErrOrStderr()) {
			_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "following; Ctrl-C ends with the report")
		}
		l, err = c.Follow(cmd.Context(), tell, sources...)
	} else {
		l, err = c.Read(cmd.Context(), sources...)
	}
	bar.end()
	for _, warning := range logs.Warnings() {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "kennel: "+warning)
	}
	if err != nil {
		return nil, err
	}
	if l.Bytes == 0 {
		return nil, evidence.Errorf(evidence.Invalid, "%s: nothing in it to read", strings.Join(l.Files, ", "))
	}
	if !o.Follow {
		err = checkKind(logs.Sources, l)
	}
	if err != nil {
		return nil, err
	}
	l.Live = slices.ContainsFunc(logs.Sources, func(s logsource.Source) bool { return s.Live })
	return c.Diagnose(l), nil
}

// checkKind refuses to find nothing wrong with what is no log of Wolf's at all.
func checkKind(sources []logsource.Source, l *diagnosis.Log) error {
	var names []string
	for _, s := range sources {
		if !s.Strange {
			return nil
		}
		names = append(names, s.Name)
	}
	// What anybody's log may say, such as that something crashed, makes it none.
	known := func(f diagnosis.Finding) bool { return f.Fault != diagnosis.UnknownError }
	if len(l.Sessions) > 0 || slices.ContainsFunc(l.Lives, func(one diagnosis.Life) bool { return slices.ContainsFunc(one.Findings, known) }) {
		return nil
	}
	return evidence.Errorf(evidence.Invalid, "%s: no line looks like one of Wolf's or Kennel's: name their log, or use --docker for that of Wolf's container", strings.Join(names, ", "))
}

func newDoctorFaults(f *doctorFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "faults", Short: "List the faults that the doctor knows", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadCatalogue(f)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), c.Faults())
			}
			t := newTable(cmd.OutOrStdout(), "FAULT", "SEVERITY", "STAGE", "NAME")
			for _, one := range c.Faults() {
				t.row(one.ID, string(one.Severity), string(one.Stage), one.Name)
			}
			return t.flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newDoctorExplain(f *doctorFlags) *cobra.Command {
	return &cobra.Command{
		Use: "explain FAULT", Short: "Tell what a fault means, and what to do", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadCatalogue(f)
			if err != nil {
				return err
			}
			one, ok := c.Fault(args[0])
			if !ok {
				return evidence.Errorf(evidence.NotFound, "there is no fault %q: kennel doctor faults lists all", args[0])
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), one.Explain())
			return err
		},
	}
}
