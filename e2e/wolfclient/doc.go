// Package wolfclient is a client of Wolf's API as a generator makes it from the
// description of that API, by no hand of ours: what it can drive, tools that
// were made for Wolf can.
//
// schema.json is what Kennel answers at openapi-schema. Tests of
// internal/wolfapi hold it to the facts of the description that Wolf publishes:
// every call, every field, its type and whether it is needed, with the
// differences by name. A client made from Wolf's own description has the same
// calls and types.
package wolfclient

//go:generate go tool -modfile=../../tools/go.mod oapi-codegen -config generate.yaml schema.json
