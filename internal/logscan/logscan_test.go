package logscan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

type match struct {
	number, offset int64
	text           string
	signs          []int
}

func scanAll(t interface{ Fatal(...any) }, r io.Reader, literals []string) ([]match, Stats) {
	var all []match
	stats, err := NewMatcher(literals).Scan(context.Background(), r, func(l Line) error {
		signs := slices.Clone(l.Signs)
		slices.Sort(signs)
		all = append(all, match{l.Number, l.Offset, string(l.Text), signs})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, stats
}

// naive does the same line by line.
func naive(text string, literals []string) (all []match) {
	offset := int64(0)
	for i, line := range strings.SplitAfter(text, "\n") {
		bare := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		var signs []int
		for n, l := range literals {
			if l != "" && strings.Contains(bare, l) {
				signs = append(signs, n)
			}
		}
		if len(signs) > 0 {
			all = append(all, match{int64(i + 1), offset, bare, signs})
		}
		offset += int64(len(line))
	}
	return all
}

func TestScanAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		literals := rapid.SliceOfN(rapid.StringMatching(`[ab]{1,12}`), 1, 8).Draw(t, "literals")
		text := rapid.StringOf(rapid.SampledFrom([]rune("aaaabbbbbabababc\n\r"))).Draw(t, "text")
		want := naive(text, literals)
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "bytes": iotest.OneByteReader(strings.NewReader(text))} {
			got, _ := scanAll(t, r, literals)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s: got %v, want %v", name, got, want)
			}
		}
	})
}

// TestLinesOfAnyLength: bounded memory, right numbers, also across chunks.
func TestLinesOfAnyLength(t *testing.T) {
	const sign = "GL_OUT_OF_MEMORY"
	filler := bytes.Repeat([]byte("x"), 3*chunk)
	var log bytes.Buffer
	log.WriteString("first\n")
	log.Write(filler)
	log.WriteString(" " + sign + "\n") // beyond the cut
	log.WriteString("third " + sign + "\r\n")
	for range 200_000 {
		log.WriteString("nothing of note here\n")
	}
	log.WriteString(sign + "\x00\xff at the end")
	all, stats := scanAll(t, &log, []string{sign})
	if n := len(all); n < 2 || all[n-2].number != 3 || all[n-2].text != "third "+sign || all[n-1].number != 200_004 || all[n-1].text != sign+"\x00\xff at the end" {
		t.Errorf("%d lines: %v", n, all[max(0, n-2):])
	}
	if stats.Lines != 200_004 {
		t.Errorf("stats: %+v", stats)
	}
}

func TestWhatFollowsIsThere(t *testing.T) {
	text := "thread panicked at src/main.rs:1:2:\ncould not do it\n" + strings.Repeat("more\n", 500)
	_, err := NewMatcher([]string{"panicked at "}).Scan(t.Context(), strings.NewReader(text), func(l Line) error {
		if !strings.HasPrefix(string(l.After()), "could not do it\nmore") || len(l.After()) > afterBytes {
			t.Errorf("after: %q", l.After())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestErrorsEndTheScan(t *testing.T) {
	m := NewMatcher([]string{"ERROR"})
	broken := errors.New("broken")
	if _, err := m.Scan(t.Context(), iotest.ErrReader(broken), func(Line) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("reader: %v", err)
	}
	if _, err := m.Scan(t.Context(), strings.NewReader("an ERROR\n"), func(Line) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("hit: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Scan(ended, strings.NewReader("an ERROR\n"), func(Line) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("context: %v", err)
	}
}

func FuzzScan(f *testing.F) {
	f.Add("abcd", "efgh", []byte("xxabcd\nefghabcd"))
	f.Fuzz(func(t *testing.T, a, b string, text []byte) {
		literals := []string{a, b}
		if strings.ContainsAny(a+b, "\r\n") || len(text) > 1<<16 {
			return
		}
		if got, _ := scanAll(t, bytes.NewReader(text), literals); fmt.Sprint(got) != fmt.Sprint(naive(string(text), literals)) {
			t.Errorf("got %v, want %v", got, naive(string(text), literals))
		}
	})
}

// TestScanByLooksInParallelAndTellsInOrder: each line is looked at once, whatever
// the workers, and told with its number and what was found out.
func TestScanByLooksInParallelAndTellsInOrder(t *testing.T) {
	const lines = 60_000
	var text strings.Builder
	for i := range lines {
		fmt.Fprintf(&text, "%d ERROR here and more, so that there are several segments\n", i+1)
	}
	for workers := range 4 {
		var looked atomic.Int64
		told := int64(0)
		look := func(l *Line, into *string) {
			looked.Add(1)
			*into, _, _ = strings.Cut(string(l.Text), " ")
		}
		stats, err := ScanBy(t.Context(), NewMatcher([]string{"ERROR here"}), workers, strings.NewReader(text.String()), look, func(number int64, _ bool, into *string) error {
			if told++; number != told || *into != strconv.FormatInt(told, 10) {
				return fmt.Errorf("line %d, of which %q was found out, came as number %d", told, *into, number)
			}
			return nil
		})
		if err != nil || told != lines || looked.Load() != lines || stats.Hits != lines {
			t.Errorf("%d workers: %v, %d looked at, %d told, %+v", workers, err, looked.Load(), told, stats)
		}
	}
}
