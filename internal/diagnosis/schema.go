package diagnosis

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"

	"github.com/kennel-stream/kennel/internal/evidence"
)

//go:embed schema.json
var schema []byte

// schemas are what may be asked for, with what stands for it in the schema.
var schemas = [][2]string{{"report", "diagnosis"}, {"compare", "comparison"}, {"trend", "trend"}, {"check", "check"}}

// SchemaNames are what Schema knows.
func SchemaNames() (names []string) {
	for _, s := range schemas {
		names = append(names, s[0])
	}
	return names
}

// Schema is the JSON Schema (draft 2020-12) of what the doctor prints for
// programs: of a report, a comparison, a trend or a check of this machine.
func Schema(of string) ([]byte, error) {
	i := slices.IndexFunc(schemas, func(s [2]string) bool { return s[0] == of })
	if i < 0 {
		return nil, evidence.Errorf(evidence.Invalid, "there is no schema of %q: choose one of %v", of, SchemaNames())
	}
	const begins = `"$ref": "#/$defs/%s",`
	return bytes.Replace(schema, fmt.Appendf(nil, begins, schemas[0][1]), fmt.Appendf(nil, begins, schemas[i][1]), 1), nil
}
