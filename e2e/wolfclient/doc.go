// Package wolfclient is a client of Wolf's API as a generator makes it from the
// description of that API, by no hand of ours: what it can drive, tools that
// were made for Wolf can.
//
// The description is what Kennel answers at openapi-schema. A test of
// internal/wolfapi compares that with the one of a real Wolf.
package wolfclient

//go:generate go tool -modfile=../../tools/go.mod oapi-codegen -config generate.yaml schema.json
