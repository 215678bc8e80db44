package wolfapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "write the description that the test's client is made from")

// made is the description that e2e's client is made from.
const made = "../../e2e/wolfclient/schema.json"

func TestClientIsMadeFromThisSchema(t *testing.T) {
	text := Schema()
	if *update {
		if err := os.WriteFile(made, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s is not what the API answers: run go test ./internal/wolfapi -update, then go generate ./e2e/wolfclient", made)
	}
}

// TestEveryShapeHasAName of its own, as generators of clients need it.
func TestEveryShapeHasAName(t *testing.T) {
	var described struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
				Required   []string
			}
		}
	}
	if err := json.Unmarshal(Schema(), &described); err != nil {
		t.Fatal(err)
	}
	all := described.Components.Schemas
	if len(all) != len(schemaNames) || len(all) < 30 {
		t.Errorf("%d shapes are described, %d have names", len(all), len(schemaNames))
	}
	for of, name := range schemaNames {
		if len(all[name].Properties) != of.NumField() || of.Kind() != reflect.Struct {
			t.Errorf("%s describes %d of %d fields", name, len(all[name].Properties), of.NumField())
		}
	}
}
