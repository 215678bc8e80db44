package wolfconfig

import (
	"fmt"
	"iter"
	"path/filepath"
)

// below is the path of a key in a table.
func below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// text reads a key whose value is text; empty where it is missing, or is not.
func (r *reader) text(table map[string]any, path, key string) string {
	v, ok := table[key]
	if !ok {
		return ""
	}
	text, ok := v.(string)
	if !ok {
		r.note(below(path, key), "it is not text: it is left out")
	}
	return text
}

// texts reads a list of text.
func (r *reader) texts(table map[string]any, path, key string) []string {
	v, ok := table[key]
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		r.note(below(path, key), "it is not a list: it is left out")
		return nil
	}
	var all []string
	for i, one := range list {
		text, ok := one.(string)
		if !ok {
			r.note(fmt.Sprintf("%s[%d]", below(path, key), i), "it is not text: it is left out")
			continue
		}
		all = append(all, text)
	}
	return all
}

// flag reads true or false; otherwise where it is missing.
func (r *reader) flag(table map[string]any, path, key string, otherwise bool) bool {
	v, ok := table[key]
	if !ok {
		return otherwise
	}
	b, ok := v.(bool)
	if !ok {
		r.note(below(path, key), "it is neither true nor false: it is left out")
		return otherwise
	}
	return b
}

// table reads a table; nil where it is missing.
func (r *reader) table(table map[string]any, path, key string) map[string]any {
	v, ok := table[key]
	if !ok {
		return nil
	}
	t, ok := v.(map[string]any)
	if !ok {
		r.note(below(path, key), "it is not a table: it is left out")
	}
	return t
}

// tables reads the tables of a list, each with its path.
func (r *reader) tables(table map[string]any, path, key string) iter.Seq2[string, map[string]any] {
	return func(yield func(string, map[string]any) bool) {
		v, ok := table[key]
		if !ok {
			return
		}
		list, ok := v.([]any)
		if !ok {
			r.note(below(path, key), "it is not a list of tables: it is left out")
			return
		}
		for i, one := range list {
			at := fmt.Sprintf("%s[%d]", below(path, key), i)
			t, ok := one.(map[string]any)
			if !ok {
				r.note(at, "it is not a table: it is left out")
				continue
			}
			if !yield(at, t) {
				return
			}
		}
	}
}

// local tells that a path stays below where it begins.
func local(path string) bool { return filepath.IsLocal(path) && path != "." }
