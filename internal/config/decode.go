package config

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// decode writes a TOML value into a field and reports everything that does not
// fit. A field whose value does not fit keeps its default. go-toml's own
// decoder stops at the first wrong type, so the document is read into plain
// values first and assigned here.
func decode(dst reflect.Value, src any, path string, found *problems) {
	if dst.Type() == reflect.TypeFor[Duration]() {
		decodeDuration(dst, src, path, found)
		return
	}
	switch dst.Kind() {
	case reflect.Struct:
		if table, ok := src.(map[string]any); ok {
			decodeTable(dst, table, path, found)
			return
		}
	case reflect.Slice:
		if list, ok := src.([]any); ok {
			decodeList(dst, list, path, found)
			return
		}
	case reflect.String:
		if text, ok := src.(string); ok {
			dst.SetString(text)
			return
		}
	case reflect.Bool:
		if yes, ok := src.(bool); ok {
			dst.SetBool(yes)
			return
		}
	case reflect.Float64:
		switch n := src.(type) {
		case float64:
			dst.SetFloat(n)
			return
		case int64:
			dst.SetFloat(float64(n))
			return
		}
	case reflect.Int:
		if number, ok := src.(int64); ok {
			if number < math.MinInt32 || number > math.MaxInt32 {
				found.addf(path, "%d is out of range; no number here exceeds %d", number, math.MaxInt32)
				return
			}
			dst.SetInt(number)
			return
		}
	}
	found.addf(path, "must be %s, not %s", wanted(dst.Type()), given(src))
}

func decodeTable(dst reflect.Value, table map[string]any, path string, found *problems) {
	fields := map[string]int{}
	allowed := make([]string, 0, dst.NumField())
	for i := range dst.NumField() {
		key := dst.Type().Field(i).Tag.Get("toml")
		fields[key] = i
		allowed = append(allowed, key)
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if i, ok := fields[key]; ok {
			decode(dst.Field(i), table[key], join(path, key), found)
			continue
		}
		where := "the top level"
		switch {
		case strings.HasSuffix(path, "]"):
			where = "[[" + tableName(path) + "]]"
		case path != "":
			where = "[" + tableName(path) + "]"
		}
		hint := ""
		if near := nearest(key, allowed); near != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", near)
		}
		found.addKey(join(path, key), fmt.Sprintf("unknown key%s; %s takes %s", hint, where, strings.Join(allowed, ", ")))
	}
}

func decodeList(dst reflect.Value, list []any, path string, found *problems) {
	if len(list) > maxList {
		found.addf(path, "has %d entries; at most %d are allowed", len(list), maxList)
		return
	}
	before := len(found.list)
	slice := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, item := range list {
		decode(slice.Index(i), item, fmt.Sprintf("%s[%d]", path, i), found)
	}
	if dst.Type().Elem().Kind() == reflect.Struct || len(found.list) == before {
		dst.Set(slice)
	}
}

func decodeDuration(dst reflect.Value, src any, path string, found *problems) {
	text, ok := src.(string)
	if !ok {
		found.addf(path, "must be %s, not %s", wanted(dst.Type()), given(src))
		return
	}
	var d Duration
	if err := d.UnmarshalText([]byte(clip(text))); err != nil {
		found.add(path, err.Error())
		return
	}
	dst.SetInt(int64(d))
}

func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Duration]():
		return `a duration in quotes, such as "10s"`
	case t.Kind() == reflect.Struct:
		return "a table"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return "a list of tables, each begun by [[...]]"
	case t.Kind() == reflect.Slice:
		return `a list of strings, such as ["a", "b"]`
	case t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.Int:
		return "a whole number without quotes"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return "a string in quotes"
}

func given(src any) string {
	switch v := src.(type) {
	case string:
		return fmt.Sprintf("the string %q", clip(v))
	case int64:
		return fmt.Sprintf("the number %d", v)
	case float64:
		return fmt.Sprintf("the number %g", v)
	case bool:
		return fmt.Sprintf("%t", v)
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	case time.Time, fmt.Stringer:
		return "a date or time"
	}
	return "a value of another type"
}

// tableName is a path as the file writes it: without indexes.
func tableName(path string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(path, ".") {
		name, _, _ := strings.Cut(part, "[")
		b.WriteString("." + name)
	}
	return b.String()[1:]
}

// clip bounds what an error message quotes.
func clip(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// nearest is the one allowed word that is at most two edits away, if any.
func nearest(word string, allowed []string) string {
	if len(word) < 3 || len(word) > maxWord {
		return ""
	}
	best, distance := "", 3
	for _, candidate := range allowed {
		if d := edits(word, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// edits is the Levenshtein distance in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(b)]
}
