package web

import (
	"bytes"
	"runtime"
	"strings"
)

// maxStacks bounds the text of all goroutines' stacks, in bytes.
const maxStacks = 4 << 20

// goroutinesBy counts the goroutines of this program by the function that
// started them, so that one too many has a name. Where there are so many that
// their stacks exceed 4 MiB, those beyond are not counted.
func goroutinesBy() map[string]int {
	stacks := make([]byte, 256<<10)
	for {
		n := runtime.Stack(stacks, true)
		if n < len(stacks) || len(stacks) >= maxStacks {
			stacks = stacks[:n]
			break
		}
		stacks = make([]byte, 2*len(stacks))
	}
	by := map[string]int{}
	for goroutine := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		by[startedBy(string(goroutine))]++
	}
	return by
}

// startedBy names the function that a stack tells as the goroutine's creator, or
// for a sync.WaitGroup's the function that it runs.
func startedBy(stack string) string {
	frames, creator, found := strings.Cut(stack, "\ncreated by ")
	if !found {
		return "main"
	}
	if before, _, group := strings.Cut(frames, "\nsync.(*WaitGroup).Go."); group {
		// A frame is two lines, the function and where. One that has not begun has none.
		if before, _, ran := cutLast(before, "\n"); ran {
			_, creator, _ = cutLast(before, "\n")
			creator, _, _ = cutLast(creator, "(")
		}
	}
	creator, _, _ = strings.Cut(creator, "\n")
	creator, _, _ = strings.Cut(creator, " in goroutine ")
	return creator[strings.LastIndexByte(creator, '/')+1:]
}

// cutLast cuts around the last instance of a separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
