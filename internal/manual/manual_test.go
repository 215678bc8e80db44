package manual

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func tree() (*cobra.Command, Extra) {
	root := &cobra.Command{Use: "dog", Short: "Do what dogs do", Long: "Dog does\nwhat dogs do.\n\n.It is no request\\."}
	bark := &cobra.Command{Use: "bark AT", Short: "Bark", Example: "  dog bark cat", Run: func(*cobra.Command, []string) {}}
	bark.Flags().Int("times", 3, "how `often`; 1|2|3")
	bark.Flags().String("data", "/here", "a `directory`")
	bark.Flags().Bool("secret", false, "hidden")
	_ = bark.Flags().MarkHidden("secret")
	root.AddCommand(bark, &cobra.Command{Use: "dig", Hidden: true, Run: func(*cobra.Command, []string) {}})
	return root, Extra{
		Version: "1.2", Statuses: []Status{{0, "done"}}, Files: []File{{"/etc/dog", "bones"}},
		Defaults: map[string]string{"data": "~/dog"},
	}
}

func TestMarkdown(t *testing.T) {
	want := "# Command line\n\nMade from the program's own help by `make generate`.\n" +
		"\n## dog\n\nDog does\nwhat dogs do.\n\n.It is no request\\.\n\n```\ndog COMMAND\n```\n" +
		"\n## dog bark\n\nBark.\n\n```\ndog bark AT [flags]\n```\n" +
		"\n| flag | meaning | default |\n|---|---|---|\n| `--data directory` | a directory | ~/dog |\n| `--times often` | how often; 1\\|2\\|3 | 3 |\n" +
		"\n```sh\ndog bark cat\n```\n" +
		"\n## Exit status\n\n| status | meaning |\n|---|---|\n| 0 | done |\n" +
		"\n## Files\n\n| path | what is in it |\n|---|---|\n| `/etc/dog` | bones |\n"
	if diff := cmp.Diff(want, Markdown(tree())); diff != "" {
		t.Error(diff)
	}
}

func TestMan(t *testing.T) {
	pages := Man(tree())
	if len(pages) != 2 {
		t.Fatalf("%d pages", len(pages))
	}
	for file, lines := range map[string][]string{
		"dog.1":      {`.TH "DOG" 1 "" "kennel 1.2" "Kennel"`, `\&.It is no request\e.`, ".B 0", ".I /etc/dog", `.BR dog\-bark (1)`},
		"dog-bark.1": {`dog\-bark \- Bark`, `\fB\-\-times\fR \fIoften\fR`, "Default: ~/dog.", "dog bark cat", ".BR dog (1)"},
	} {
		for _, line := range lines {
			if !strings.Contains("\n"+pages[file], "\n"+line+"\n") {
				t.Errorf("%s lacks %q:\n%s", file, line, pages[file])
			}
		}
		if strings.Contains(pages[file], "secret") || strings.Contains(pages[file], "dig") {
			t.Errorf("%s shows what is hidden", file)
		}
	}
}
