package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// MaxFile is the largest configuration file in bytes.
const MaxFile = 256 << 10

// Load reads and checks a file. What it returns is complete: every app has its
// slug and id. The error is an *Error unless the file cannot be read.
func Load(path string) (Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w; create the file, or start without --config to use the defaults", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxFile+1))
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse reads and checks the text of a file. name appears in errors, all of
// which are an *Error.
func Parse(name string, data []byte) (Config, error) {
	var found problems
	if len(data) > MaxFile {
		found.addf("", "the file is larger than %d KiB", MaxFile>>10)
		return Config{}, found.err(name)
	}
	document := map[string]any{}
	if err := toml.Unmarshal(data, &document); err != nil {
		found.syntax(err)
		return Config{}, found.err(name)
	}
	at := index(data)
	if checkVersion(document, &found); len(found.list) > 0 {
		found.locate(at)
		return Config{}, found.err(name)
	}
	cfg := Default()
	decode(reflect.ValueOf(&cfg).Elem(), any(document), "", &found)
	for i := range cfg.Apps {
		cfg.Apps[i].fill()
	}
	cfg.check(&found)
	found.locate(at)
	if err := found.err(name); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// checkVersion comes first and alone: the keys of another version are not
// wrong, only unreadable.
func checkVersion(document map[string]any, found *problems) {
	version, ok := document["version"]
	switch {
	case !ok:
		found.addf("version", "missing; write version = %d at the top of the file", Version)
	case version != int64(Version):
		found.addf("version", "%s is not a version that this kennel reads; it reads version %d", given(version), Version)
	}
}

// syntax takes over what go-toml says about a file that is not TOML.
func (p *problems) syntax(err error) {
	problem := Problem{Message: "not TOML: " + err.Error()}
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		problem.Line, problem.Column = wrong.Position()
		problem.Message = "not TOML: " + strings.TrimPrefix(wrong.Error(), "toml: ")
	}
	p.list = append(p.list, problem)
}
