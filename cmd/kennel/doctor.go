package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/evidence"
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

type doctorFlags struct{ format, faults string }

func newDoctor() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use: "doctor [FILE...]", Short: "Say from a log what broke, since when, and what to do",
		Long: `Say from a log what broke, since when, and what to do now: from Wolf's logs
or Kennel's own. Files may be compressed by gzip or zstd, and may have the
prefixes of Docker, Compose or a journal; - is the standard input.

The exit status is 0 when nothing is wrong, 1 when a fault was found, 2 when
the input cannot be used, and 3 when more than one cause fits.`,
		Example: `  kennel doctor wolf.log
  docker logs wolf 2>&1 | kennel doctor -
  kennel doctor --format json wolf.log.gz`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return runDoctor(cmd, args, f)
		},
	}
	cmd.Flags().StringVar(&f.format, "format", "text", "text, markdown or json")
	cmd.PersistentFlags().StringVar(&f.faults, "faults", "", "`file` with further faults, in the form of kennel doctor faults --json")
	cmd.AddCommand(newDoctorCompare(&f), newDoctorFaults(&f), newDoctorExplain(&f))
	return cmd
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
	if f.format != "text" && f.format != "markdown" && f.format != "json" {
		return evidence.Errorf(evidence.Invalid, "--format %s: use text, markdown or json", f.format)
	}
	catalogue, err := loadCatalogue(&f)
	if err != nil {
		return err
	}
	d, err := diagnose(cmd.Context(), catalogue, args, cmd.InOrStdin())
	if err != nil {
		return err
	}
	switch f.format {
	case "json":
		err = printJSON(cmd.OutOrStdout(), d)
	case "markdown":
		err = d.WriteMarkdown(cmd.OutOrStdout())
	default:
		err = d.WriteText(cmd.OutOrStdout(), isTerminal(cmd.OutOrStdout()) && os.Getenv("NO_COLOR") == "")
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

func diagnose(ctx context.Context, c *diagnosis.Catalogue, args []string, stdin io.Reader) (*diagnosis.Diagnosis, error) {
	files, err := expand(args)
	if err != nil {
		return nil, err
	}
	var sources []diagnosis.Source
	for _, name := range files {
		r, done, err := openLog(name, stdin)
		if err != nil {
			return nil, err
		}
		defer done()
		sources = append(sources, diagnosis.Source{Name: name, Reader: r})
	}
	l, err := c.Read(ctx, sources...)
	if err != nil {
		return nil, err
	}
	if l.Bytes == 0 {
		return nil, evidence.Errorf(evidence.Invalid, "%s: nothing in it to read", strings.Join(args, ", "))
	}
	return c.Diagnose(l), nil
}

// expand resolves patterns that a shell did not.
func expand(args []string) (files []string, err error) {
	for _, arg := range args {
		matches, err := filepath.Glob(arg)
		if err != nil || len(matches) == 0 {
			matches = []string{arg}
		}
		files = append(files, matches...)
	}
	return files, nil
}

// openLog opens a file, which may be compressed. The caller calls done.
func openLog(name string, stdin io.Reader) (r io.Reader, done func(), err error) {
	if name == "-" {
		return decompress(name, stdin, func() {})
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, evidence.Errorf(evidence.Invalid, "open the log: %w", err)
	}
	closeFile := func() { _ = file.Close() }
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		closeFile()
		return nil, nil, evidence.Errorf(evidence.Invalid, "%s is a directory: name the logs in it, as in %s", name, filepath.Join(name, "*.log"))
	}
	return decompress(name, file, closeFile)
}

// decompress looks at the first bytes.
func decompress(name string, from io.Reader, done func()) (io.Reader, func(), error) {
	head := make([]byte, 4)
	n, err := io.ReadFull(from, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		done()
		return nil, nil, evidence.Errorf(evidence.Invalid, "read %s: %w", name, err)
	}
	whole := io.MultiReader(strings.NewReader(string(head[:n])), from)
	switch {
	case n >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		z, err := gzip.NewReader(whole)
		if err != nil {
			done()
			return nil, nil, evidence.Errorf(evidence.Invalid, "read %s: it begins as gzip, but is not: %w", name, err)
		}
		return z, done, nil
	case n == 4 && string(head) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(whole, zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			done()
			return nil, nil, evidence.Errorf(evidence.Invalid, "read %s: it begins as zstd, but is not: %w", name, err)
		}
		return z, func() { z.Close(); done() }, nil
	}
	return whole, done, nil
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
