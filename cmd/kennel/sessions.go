package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/escape"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/web"
)

func newSessions() *cobra.Command {
	var dir string
	var asJSON, all bool
	list := func(cmd *cobra.Command, _ []string) error {
		api, err := remote(dir)
		if err != nil {
			return err
		}
		sessions, err := api.Sessions(cmd.Context(), all)
		if err != nil {
			return err
		}
		if asJSON {
			if sessions == nil {
				sessions = []web.Session{}
			}
			return printJSON(cmd.OutOrStdout(), sessions)
		}
		return printSessions(cmd.OutOrStdout(), sessions)
	}
	cmd := &cobra.Command{Use: "sessions", Short: "List, show and stop sessions", Args: cobra.NoArgs, RunE: list}
	sub := &cobra.Command{Use: "list", Short: "List the live sessions", Args: cobra.NoArgs, RunE: list}
	for _, c := range []*cobra.Command{cmd, sub} {
		dataFlag(c, &dir)
		c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
		c.Flags().BoolVar(&all, "all", false, "with the history")
	}
	cmd.AddCommand(sub, newSessionsShow(), newSessionsTrend(), newSessionsStop())
	return cmd
}

func printSessions(w io.Writer, sessions []web.Session) error {
	if len(sessions) == 0 {
		_, err := fmt.Fprintln(w, "no sessions")
		return err
	}
	t := newTable(w, "SESSION", "APP", "CLIENT", "STATE", "SINCE", "STREAM")
	for _, s := range sessions {
		state := s.State
		if s.End != "" {
			state += " (" + s.End + ")"
		}
		stream := "-"
		if s.Width > 0 {
			stream = fmt.Sprintf("%dx%d@%d %s", s.Width, s.Height, s.FPS, s.Encoder)
		}
		t.row(s.ID, s.Title, shortFingerprint(s.Client), state, stamp(s.Started), stream)
	}
	return t.flush()
}

func newSessionsShow() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one session with its events", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := remote(dir)
			if err != nil {
				return err
			}
			s, err := api.Session(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), s)
			}
			return printSession(cmd.OutOrStdout(), s)
		},
	}
	dataFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printSession(w io.Writer, s web.SessionDetail) error {
	if err := printSessions(w, []web.Session{s.Session}); err != nil {
		return err
	}
	if f := s.Failovers; f != nil {
		if _, err := fmt.Fprintf(w, "failovers: %d, the last at %s: %s ended, %s took its place (%s)\n", f.Count, stamp(f.Last), f.From, f.To, escape.Text(f.Why)); err != nil {
			return err
		}
	}
	_, _ = fmt.Fprintln(w)
	var first int64
	for i, e := range s.Events {
		if i == 0 {
			first = e.Mono
		}
		_, err := fmt.Fprintf(w, "%10s  %-14s  %-6s  %s\n", time.Duration(e.Mono-first).Round(100*time.Microsecond), e.Stage, e.Kind, describe(e))
		if err != nil {
			return err
		}
	}
	if err := printReceipt(w, s.Receipt); err != nil {
		return err
	}
	for _, name := range []string{"app", "display", "media", "sound", "audio"} {
		for _, line := range s.Output[name] {
			if _, err := fmt.Fprintf(w, "%s: %s\n", name, escape.Text(line)); err != nil {
				return err
			}
		}
	}
	return nil
}

// printReceipt shows what a session took, what of it came back, and what not.
func printReceipt(w io.Writer, r *session.Receipt) error {
	if r == nil {
		return nil
	}
	_, _ = fmt.Fprintln(w)
	t := newTable(w, "RECEIPT", "TOOK", "LEFT", "AFTER 5 S")
	for _, name := range r.Took.Resources() {
		// What only grows is not given back.
		left, later := "-", "-"
		if v, ok := r.Left[name]; ok {
			left, later = meter.Describe(name, v), meter.Describe(name, r.Later[name])
		}
		t.row(strings.ReplaceAll(string(name), "_", " "), meter.Describe(name, r.Took[name]), left, later)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if len(r.Residue) == 0 {
		_, err := fmt.Fprintln(w, "residue: 0")
		return err
	}
	for _, what := range r.Residue {
		if _, err := fmt.Fprintln(w, "leak:", escape.Text(what)); err != nil {
			return err
		}
	}
	return nil
}

// describe puts the fault and the attributes of an event on one line.
func describe(e evidence.Event) string {
	var parts []string
	if e.Fault != "" {
		parts = append(parts, string(e.Fault))
	}
	names := make([]string, 0, len(e.Attrs))
	for name := range e.Attrs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if e.Attrs[name] != "" {
			parts = append(parts, name+"="+escape.Text(e.Attrs[name]))
		}
	}
	return strings.Join(parts, " ")
}

func newSessionsStop() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "stop ID", Short: "Stop a session and wait until nothing of it is left", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := remote(dir)
			if err != nil {
				return err
			}
			return api.StopSession(cmd.Context(), args[0])
		},
	}
	dataFlag(cmd, &dir)
	return cmd
}
