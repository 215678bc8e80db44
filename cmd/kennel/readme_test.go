package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestReadmeShowsRealRuns: what the README shows of the doctor is what it
// prints, and its first screen answers what broke, since when and what to do.
func TestReadmeShowsRealRuns(t *testing.T) {
	t.Chdir("../..")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	const command = "doctor docs/samples/wolf-bad.log"
	_, shown, found := strings.Cut(string(readme), "$ bin/kennel "+command+"\n")
	shown, _, whole := strings.Cut(shown, "\n...\n")
	if !found || !whole {
		t.Fatal("the README shows no run of the doctor")
	}
	var out, errs bytes.Buffer
	root := newRoot()
	root.SetArgs(strings.Fields(command))
	root.SetOut(&out)
	root.SetErr(&errs)
	if err := root.ExecuteContext(t.Context()); err == nil || err.Error() != verdictError(doctorFault).Error() || errs.Len() > 0 {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	if !strings.HasPrefix(out.String(), shown+"\n") {
		t.Errorf("the README shows\n%s\n\nand the doctor prints\n%s", shown, out.String())
	}
	// A terminal of 80 columns and 24 lines, of which the command takes one and
	// the next prompt another: nothing is wrapped, nothing needs scrolling back
	// when the output is piped into head or a pager.
	screen := strings.Split(out.String(), "\n")[:22]
	for _, line := range screen {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("wrapped at 80 columns: %s", line)
		}
	}
	for _, answer := range []string{"What broke: GL runs out of buffers", "Since when: on 2025-10-02 06:40:11 UTC", "wolf-bad.log:7)", "Do now:     ", "docker restart wolf", "It means:   "} {
		if !strings.Contains(strings.Join(screen, "\n"), answer) {
			t.Errorf("the first screen lacks %q:\n%s", answer, strings.Join(screen, "\n"))
		}
	}
}
