package wolfapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
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

// TestAsWolfPublishesIt compares with a description that Wolf itself answers:
//
//	curl --unix-socket /var/run/wolf/wolf.sock http://localhost/api/v1/openapi-schema > wolf.json
//	WOLF_SCHEMA=$PWD/wolf.json go test ./internal/wolfapi -run AsWolfPublishesIt
func TestAsWolfPublishesIt(t *testing.T) {
	file := os.Getenv("WOLF_SCHEMA")
	if file == "" {
		t.Skip("WOLF_SCHEMA names no file with the description of a running Wolf")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var ours, wolfs map[string]any
	if err := json.Unmarshal(Schema(), &ours); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &wolfs); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"openapi", "servers", "paths", "components"} {
		compare(t, part, wolfs[part], ours[part])
	}
}

// compare reports where two descriptions differ in more than their words.
func compare(t *testing.T, at string, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: %v, Wolf has an object", at, got)
			return
		}
		keys := slices.Sorted(maps.Keys(w))
		for key := range g {
			if _, ok := w[key]; !ok {
				keys = append(keys, key)
			}
		}
		properties := strings.HasSuffix(at, ".properties")
		for _, key := range keys {
			// What a call or a field means is ours to say.
			if key == "summary" || key == "description" && !properties {
				continue
			}
			compare(t, at+"."+key, w[key], g[key])
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			t.Errorf("%s: %v, Wolf has %v", at, got, want)
			return
		}
		if strings.HasSuffix(at, ".required") {
			byText := func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
			slices.SortFunc(w, byText)
			slices.SortFunc(g, byText)
		}
		for i := range w {
			compare(t, fmt.Sprintf("%s[%d]", at, i), w[i], g[i])
		}
	default:
		// Wolf writes the bounds of arrays as strings.
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("%s: %v, Wolf has %v", at, got, want)
		}
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
