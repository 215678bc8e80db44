// Package config reads Kennel's configuration: one TOML file whose every key
// has a default, so that an empty directory is a working host.
//
// The file is strict. An unknown key, a value of the wrong type or out of its
// range, two equal ports or two apps of one name are errors. Each names the
// file, the line and column, the key, what is wrong with it and what is
// allowed, and all of them are reported at once (Error, Problem).
//
// The package reads and checks; it neither opens ports nor starts anything.
// Command-line flags are applied by the caller to the fields of Config, which
// is then checked again with Config.Validate.
package config
