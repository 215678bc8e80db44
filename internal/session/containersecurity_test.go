package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecurityOptionsOfContainers: the kernel filters calls as the engine's own
// profile has it, not at all, or as a file of the operator says.
func TestSecurityOptionsOfContainers(t *testing.T) {
	h, d, receipts := dock(t)
	profile := filepath.Join(t.TempDir(), "profile.json")
	const noSignals = `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["kill"],"action":"SCMP_ACT_ERRNO"}]}`
	if err := os.WriteFile(profile, []byte(noSignals), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `while read -r key value; do if [ "$key" = Seccomp: ]; then echo "filter $value"; fi; done </proc/self/status
		if kill -0 $$; then echo may signal; else echo may not signal; fi; echo over; exec sleep 1000`
	for _, tt := range []struct {
		name    string
		options []string
		words   []string
	}{
		{"the engine's own", nil, []string{"filter 2", "may signal"}},
		{"none", []string{"seccomp=unconfined"}, []string{"filter 0", "may signal"}},
		{"a file", []string{"seccomp=" + profile}, []string{"filter 2", "may not signal"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := boxed("sh", "-c", script)
			spec.Runner.Container.SecurityOpt = tt.options
			s := h.launch(request("a", spec))
			text := h.output(s, "over")
			for _, word := range tt.words {
				if !strings.Contains(text, word) {
					t.Errorf("%q is not in %q", word, text)
				}
			}
			h.endWithReceipt(s, receipts)
		})
	}
	h.noContainer(d)
}
