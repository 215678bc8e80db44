package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/vitals"
)

// printed runs a command in this process.
func printed(t *testing.T, args ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	if err := root.ExecuteContext(t.Context()); err != nil {
		if _, ok := err.(verdictError); !ok {
			t.Fatalf("kennel %q: %v", args, err)
		}
	}
	return out.Bytes()
}

// TestPrintedSchemas hold what the same program prints.
func TestPrintedSchemas(t *testing.T) {
	const good, bad = "../../docs/samples/wolf-good.log", "../../docs/samples/wolf-bad.log"
	check, err := json.Marshal(vitals.Report{Verdict: vitals.VerdictInconclusive, Findings: []vitals.Finding{
		{Name: "driver", State: vitals.Unknown, Found: "no GPU", Cure: "none"}, {Name: "ports", State: vitals.OK, Found: "free"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for of, raw := range map[string][]byte{
		"report":  printed(t, "doctor", "--format", "json", bad),
		"compare": printed(t, "doctor", "compare", "--format", "json", good, bad),
		"trend":   printed(t, "doctor", "trend", "--json", bad),
		"check":   check,
	} {
		var s jsonschema.Schema
		if err := json.Unmarshal(printed(t, "doctor", "schema", of), &s); err != nil {
			t.Fatal(err)
		}
		resolved, err := s.Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("%s: %v\n%s", of, err, raw)
		}
		if err := resolved.Validate(v); err != nil {
			t.Errorf("%s: %v", of, err)
		}
		// And what another prints does not fit.
		for _, other := range diagnosis.SchemaNames() {
			if other == of {
				continue
			}
			var s jsonschema.Schema
			if err := json.Unmarshal(printed(t, "doctor", "schema", other), &s); err != nil {
				t.Fatal(err)
			}
			if resolved, err := s.Resolve(nil); err != nil || resolved.Validate(v) == nil {
				t.Errorf("%s fits the schema of %s (%v)", of, other, err)
			}
		}
	}
}
