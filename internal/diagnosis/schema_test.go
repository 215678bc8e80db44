package diagnosis

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// strict is a schema that, other than the published one, refuses what it does
// not name: every field that is printed must be documented.
func strict(t *testing.T, of string) *jsonschema.Resolved {
	t.Helper()
	raw, err := Schema(of)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte(`"additionalProperties": false`)) {
		t.Error("the published schema must let fields be added")
	}
	raw = bytes.ReplaceAll(raw, []byte(`"type": "object",`), []byte(`"type": "object", "additionalProperties": false,`))
	// A map of counters names none.
	raw = bytes.ReplaceAll(raw, []byte(`"type": "object", "additionalProperties": false,
     "description": "The highest`), []byte(`"type": "object",
     "description": "The highest`))
	var s jsonschema.Schema
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

// fits holds a value against a schema, as a program would read it.
func fits(s *jsonschema.Resolved, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var read any
	if err := json.Unmarshal(raw, &read); err != nil {
		return err
	}
	return s.Validate(read)
}

// TestOutputsFitTheirSchemas: of all logs, with every field.
func TestOutputsFitTheirSchemas(t *testing.T) {
	c := catalogue(t)
	report, compare, trend := strict(t, "report"), strict(t, "compare"), strict(t, "trend")
	all := map[string]*Diagnosis{"good": seed(t, c, "good.log"), "bad": seed(t, c, "bad.log")}
	for _, dir := range []string{"", "wolf-runs", "issues"} {
		for _, file := range logs(t, dir) {
			all[filepath.Base(file)] = real(t, c, file)
		}
	}
	worn, err := c.Read(t.Context(), Source{"x", strings.NewReader(lives(5, 7, 6))})
	if err != nil {
		t.Fatal(err)
	}
	all["worn"] = c.Diagnose(worn)
	compared := 0
	for name, d := range all {
		if err := fits(report, d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := fits(trend, d.Trend()); err != nil {
			t.Errorf("trend of %s: %v", name, err)
		}
		if comparison, err := c.Compare(all["good"], d); err == nil {
			compared++
			if err := fits(compare, comparison); err != nil {
				t.Errorf("good and %s: %v", name, err)
			}
		}
	}
	if compared < 50 {
		t.Errorf("only %d were compared", compared)
	}
}

// TestTheSchemaRefuses what it must.
func TestTheSchemaRefuses(t *testing.T) {
	report := strict(t, "report")
	d := seed(t, catalogue(t), "bad.log")
	raw, _ := json.Marshal(d)
	for what, change := range map[string]func(map[string]any){
		"no verdict":      func(m map[string]any) { delete(m, "verdict") },
		"another verdict": func(m map[string]any) { m["verdict"] = "broken" },
		"another version": func(m map[string]any) { m["version"] = 2 },
		"root a string":   func(m map[string]any) { m["root"] = "gl-oom" },
		"a new field":     func(m map[string]any) { m["news"] = true },
		"a stage":         func(m map[string]any) { m["sessions"].([]any)[0].(map[string]any)["stages"] = []any{"launch"} },
		"a link": func(m map[string]any) {
			delete(m["chain"].([]any)[0].(map[string]any), "effect_of")
		},
		"null for a list": func(m map[string]any) { m["notes"] = nil },
	} {
		m := map[string]any{}
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		if err := report.Validate(m); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if _, err := Schema("nothing"); err == nil {
		t.Error("a schema of nothing")
	}
}

// TestTheSchemaKnowsAllStages, and whatever else is a list in the program.
func TestTheSchemaKnowsAllStages(t *testing.T) {
	var s jsonschema.Schema
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	var stages []any
	for _, stage := range evidence.Stages() {
		stages = append(stages, string(stage))
	}
	if got := s.Defs["stage"].Properties["stage"].Enum; !slices.Equal(got, stages) {
		t.Errorf("stages %v, want %v", got, stages)
	}
	var severities []any
	for _, one := range []Severity{Critical, High, Medium, Low, Info} {
		severities = append(severities, string(one))
	}
	if got := s.Defs["link"].Properties["severity"].Enum; !slices.Equal(got, severities) {
		t.Errorf("severities %v, want %v", got, severities)
	}
}

var update = flag.Bool("update", false, "write the tables of docs/doctor-json.md")

// TestThePageHasTheSchema: docs/doctor-json.md has a table for each part of the
// schema, in its words.
func TestThePageHasTheSchema(t *testing.T) {
	const page, mark = "../../docs/doctor-json.md", "<!-- The rest is written by go test ./internal/diagnosis -run Page -update. -->\n"
	var s jsonschema.Schema
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	order := map[string][]string{}
	var raw struct {
		Defs map[string]struct {
			Properties json.RawMessage `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(schema, &raw); err != nil {
		t.Fatal(err)
	}
	for name, def := range raw.Defs {
		order[name] = keys(t, def.Properties)
	}
	for _, name := range []string{
		"diagnosis", "root", "settle", "link", "other", "session", "stage", "finding", "life", "folded", "comparison", "side", "timeline_row", "compare_table", "compare_row",
		"trend", "life_trend", "counter_trend", "check", "check_finding",
	} {
		def := s.Defs[name]
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| field | type | meaning |\n| --- | --- | --- |\n", name, def.Description)
		for _, field := range order[name] {
			p := def.Properties[field]
			optional := ""
			if !slices.Contains(def.Required, field) {
				optional = ", may be missing"
			}
			fmt.Fprintf(&b, "| `%s` | %s%s | %s |\n", field, typeOf(p), optional, p.Description)
		}
	}
	if len(order) != strings.Count(b.String(), "\n## ") {
		t.Errorf("the schema has the parts %v", slices.Sorted(maps.Keys(order)))
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin, rest, found := strings.Cut(string(text), mark)
	switch {
	case !found:
		t.Fatalf("%s lacks the mark", page)
	case *update:
		if err := os.WriteFile(page, []byte(begin+mark+b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	case rest != b.String():
		t.Errorf("%s is not what the schema says: run go test ./internal/diagnosis -run Page -update", page)
	}
}

// keys are the names of an object's fields in their order.
func keys(t *testing.T, object json.RawMessage) (names []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// typeOf is a type in words.
func typeOf(p *jsonschema.Schema) string {
	part := func(ref string) string {
		name := strings.TrimPrefix(ref, "#/$defs/")
		return "[" + name + "](#" + name + ")"
	}
	switch {
	case p.Ref != "":
		return part(p.Ref)
	case len(p.AnyOf) > 0:
		return typeOf(p.AnyOf[0]) + " or null"
	case p.Const != nil:
		return fmt.Sprint(*p.Const)
	case p.Enum != nil:
		var all []string
		for _, v := range p.Enum {
			all = append(all, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(all, ", ")
	case p.Type == "array":
		return "list of " + typeOf(p.Items)
	case p.Format == "date-time":
		return "time"
	case p.Type == "object":
		return "object of " + typeOf(p.AdditionalProperties)
	case len(p.Types) > 0:
		return strings.Join(p.Types, " or ")
	}
	return p.Type
}
