package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// examples are the TOML blocks of a page of the documentation.
func examples(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, match := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, match[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no examples", page)
	}
	return blocks
}

// The first example shows every key with its default, so it means Default.
func TestDocumentedDefaultsAreTrue(t *testing.T) {
	got, err := Parse("configuration.md", []byte(examples(t, "configuration.md")[0]))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Hostname = "Kennel" // the default differs from machine to machine
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryKeyIsDocumented(t *testing.T) {
	text := strings.Join(examples(t, "configuration.md"), "\n")
	var visit func(reflect.Type)
	visit = func(of reflect.Type) {
		for i := range of.NumField() {
			field := of.Field(i)
			key, inner := field.Tag.Get("toml"), field.Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				visit(inner)
			} else if !regexp.MustCompile(`(?m)^ *` + key + ` = `).MatchString(text) {
				t.Errorf("docs/configuration.md shows no %s of %s", key, of.Name())
			}
		}
	}
	visit(reflect.TypeFor[Config]())
}

func TestDocumentedExamplesWork(t *testing.T) {
	for _, page := range []string{"configuration.md", "images.md", "ports.md"} {
		for _, text := range examples(t, page) {
			if _, err := Parse(page, []byte(text)); err != nil {
				t.Error(err)
			}
		}
	}
}
