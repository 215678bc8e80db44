package config

import (
	"fmt"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxKeyParts bounds the dotted keys that get a position. Kennel's own keys
// have three parts.
const maxKeyParts = 8

type position struct{ line, column int }

// positions knows where in a file each key and each value begins, by path.
type positions struct {
	lineStarts []int // byte offset of each line
	keys       map[string]int
	values     map[string]int
}

// index reads the positions of every key of a document that is already known
// to be correct TOML.
func index(data []byte) positions {
	at := positions{lineStarts: []int{0}, keys: map[string]int{}, values: map[string]int{}}
	for i, b := range data {
		if b == '\n' {
			at.lineStarts = append(at.lineStarts, i+1)
		}
	}
	var parser unstable.Parser
	parser.Reset(data)
	lengths := map[string]int{} // of the arrays of tables met so far
	table := ""
	for parser.NextExpression() {
		node := parser.Expression()
		switch node.Kind {
		case unstable.Table:
			table = at.enter(node.Key(), "", lengths)
		case unstable.ArrayTable:
			table = at.enterElement(node.Key(), lengths)
		case unstable.KeyValue:
			at.keyValue(node, table, lengths)
		}
	}
	return at
}

// KeyLines tells the line, from 1, in which each key of a correct TOML document
// is written first, by its path: "apps[0].runner.env".
func KeyLines(data []byte) map[string]int {
	at := index(data)
	lines := make(map[string]int, len(at.keys))
	for path, offset := range at.keys {
		lines[path] = at.position(offset).line
	}
	return lines
}

// enter records a key below prefix and returns its path. A part that names an
// array of tables means its last element.
func (at positions) enter(key unstable.Iterator, prefix string, lengths map[string]int) string {
	path := prefix
	for parts := 0; key.Next(); parts++ {
		if parts == maxKeyParts {
			return path
		}
		node := key.Node()
		path = join(path, string(node.Data))
		if _, known := at.keys[path]; !known {
			at.keys[path] = int(node.Raw.Offset)
		}
		if n := lengths[path]; n > 0 && !key.IsLast() {
			path = fmt.Sprintf("%s[%d]", path, n-1)
		}
	}
	if n := lengths[path]; n > 0 {
		path = fmt.Sprintf("%s[%d]", path, n-1)
	}
	return path
}

// enterElement begins the next element of an array of tables.
func (at positions) enterElement(key unstable.Iterator, lengths map[string]int) string {
	offset := 0
	for first := key; first.Next(); {
		offset = int(first.Node().Raw.Offset)
	}
	path := at.enter(key, "", lengths)
	// enter resolved the array itself to its last element so far.
	if open := strings.LastIndexByte(path, '['); open > 0 && strings.HasSuffix(path, "]") && lengths[path[:open]] > 0 {
		path = path[:open]
	}
	lengths[path]++
	element := fmt.Sprintf("%s[%d]", path, lengths[path]-1)
	at.keys[element] = offset
	return element
}

func (at positions) keyValue(node *unstable.Node, prefix string, lengths map[string]int) {
	at.value(node.Value(), at.enter(node.Key(), prefix, lengths), lengths)
}

// value records a value and what lies in it. Inline values cannot extend an
// array of tables, so lengths is only read. The parser bounds how deep they nest.
func (at positions) value(node *unstable.Node, path string, lengths map[string]int) {
	if len(path) > maxKeyParts*maxWord {
		return
	}
	if node.Raw.Length > 0 {
		at.values[path] = int(node.Raw.Offset)
	}
	switch node.Kind {
	case unstable.Array:
		children := node.Children()
		for i := 0; children.Next(); i++ {
			at.value(children.Node(), fmt.Sprintf("%s[%d]", path, i), lengths)
		}
	case unstable.InlineTable:
		children := node.Children()
		for children.Next() {
			at.keyValue(children.Node(), path, lengths)
		}
	}
}

// ofKey is where the key of a path is written; zero where it is not.
func (at positions) ofKey(path string) position {
	if offset, ok := at.keys[path]; ok {
		return at.position(offset)
	}
	return at.of(path)
}

// of is where the value of a path is written, or else its key, or else that
// of the nearest table around it.
func (at positions) of(path string) position {
	for path != "" {
		if offset, ok := at.values[path]; ok {
			return at.position(offset)
		}
		if offset, ok := at.keys[path]; ok {
			return at.position(offset)
		}
		path = parent(path)
	}
	return position{}
}

func (at positions) position(offset int) position {
	line := sort.SearchInts(at.lineStarts, offset+1)
	return position{line: line, column: offset - at.lineStarts[line-1] + 1}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// parent cuts the last key or index off a path.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}
