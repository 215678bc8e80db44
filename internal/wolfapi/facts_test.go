package wolfapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wolfs are the facts of the newest description that Wolf publishes: one line
// per call and per field. It has calls, names and types, and no words of Wolf's.
const wolfs = "testdata/wolf.facts"

// description is what a client can be generated from.
type description struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]kind }
}

type operation struct {
	RequestBody *body
	Responses   map[string]body
}

type body struct {
	Content map[string]struct{ Schema kind }
}

// kind is a type of a value.
type kind struct {
	Type       string
	Ref        string `json:"$ref"`
	Enum       []string
	Items      *kind
	MinItems   any
	AnyOf      []kind
	Properties map[string]kind
	Required   []string
}

func (k kind) String() string {
	switch {
	case k.Ref != "":
		return strings.TrimPrefix(k.Ref, components)
	case k.AnyOf != nil:
		var all []string
		for _, one := range k.AnyOf {
			all = append(all, one.String())
		}
		return strings.Join(all, "|")
	case k.Type == "array" && k.MinItems != nil:
		return fmt.Sprintf("[%v]%s", k.MinItems, k.Items)
	case k.Type == "array":
		return "[]" + k.Items.String()
	case k.Enum != nil:
		return "(" + strings.Join(k.Enum, ",") + ")"
	}
	return k.Type
}

// of is the type of a body, "-" for none.
func (b *body) of() string {
	if b == nil {
		return "-"
	}
	return b.Content["application/json"].Schema.String()
}

// factsOf are the lines of a description, in order.
func factsOf(t *testing.T, text []byte) []string {
	t.Helper()
	var d description
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for path, methods := range d.Paths {
		for method, o := range methods {
			line := fmt.Sprintf("%s %s takes %s", strings.ToUpper(method), path, o.RequestBody.of())
			for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
				answer := o.Responses[status]
				line += fmt.Sprintf(" %s %s", status, answer.of())
			}
			lines = append(lines, line)
		}
	}
	for name, k := range d.Components.Schemas {
		for field, of := range k.Properties {
			needed := "optional"
			if slices.Contains(k.Required, field) {
				needed = "required"
			}
			lines = append(lines, fmt.Sprintf("%s.%s %s %s", name, field, of, needed))
		}
	}
	slices.Sort(lines)
	return lines
}

// differences are where Kennel's description is not the published one, each
// with the reason: "-" is what Kennel lacks, "+" is what Kennel has beyond it.
var differences = map[string]string{
	"+ wolf__config__ClientSettings.motion_controller_override (XBOX,PS,NINTENDO,AUTO) required":          newer,
	"+ wolf__api__PartialClientSettings.motion_controller_override (XBOX,PS,NINTENDO,AUTO)|null optional": newer,

	"+ POST /api/v1/lobbies/pause takes wolf__core__events__PauseLobbyEvent 200 wolf__api__GenericSuccessResponse 500 wolf__api__GenericErrorResponse":   branch,
	"+ POST /api/v1/lobbies/resume takes wolf__core__events__ResumeLobbyEvent 200 wolf__api__GenericSuccessResponse 500 wolf__api__GenericErrorResponse": branch,

	"+ wolf__core__events__PauseLobbyEvent.lobby_id string required":     branch,
	"+ wolf__core__events__PauseLobbyEvent.pin []integer|null optional":  branch,
	"+ wolf__core__events__ResumeLobbyEvent.lobby_id string required":    branch,
	"+ wolf__core__events__ResumeLobbyEvent.pin []integer|null optional": branch,
}

// Why Kennel describes what Wolf's description of June 2026 lacks.
const (
	newer  = "Wolf has it since June 2026, and refuses client_settings without it"
	branch = "a description that Wolf published of a branch has it"
)

// TestAsWolfPublishesIt holds the description, and with it the client that e2e
// generates from it, to the facts of Wolf's own. To take the facts anew from a
// description that a Wolf answered or published:
//
//	WOLF_SCHEMA=wolf.json go test ./internal/wolfapi -run AsWolfPublishesIt -update
func TestAsWolfPublishesIt(t *testing.T) {
	if file := os.Getenv("WOLF_SCHEMA"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := factsOf(t, text)
		if *update {
			if err := os.WriteFile(wolfs, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		holdTo(t, lines)
	}
	text, err := os.ReadFile(wolfs)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) < 150 {
		t.Errorf("%s has %d facts", wolfs, len(lines))
	}
	holdTo(t, lines)
}

// holdTo compares Kennel's description with another's facts.
func holdTo(t *testing.T, want []string) {
	t.Helper()
	got, found := factsOf(t, Schema()), map[string]bool{}
	for _, line := range want {
		if !slices.Contains(got, line) {
			found["- "+line] = true
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			found["+ "+line] = true
		}
	}
	named := map[string]bool{}
	for line := range differences {
		named[line] = true
	}
	if diff := cmp.Diff(named, found); diff != "" {
		t.Errorf("Kennel's description and Wolf's differ otherwise than is listed:\n%s", diff)
	}
}

// TestFactsTellDifferences: a description that differs in one name, type or
// need has other facts.
func TestFactsTellDifferences(t *testing.T) {
	ours := string(Schema())
	for _, change := range [][2]string{
		{`"/api/v1/apps/add"`, `"/api/v1/apps/new"`},
		{`"post": {`, `"put": {`},
		{`"requestBody"`, `"body"`},
		{`"404": {`, `"405": {`},
		{`"audio_channel_count": {`, `"audio_channels": {`},
		{`"type": "number"`, `"type": "integer"`},
		{`"maxItems": 16`, `"maxItems": 16`},
		{`"minItems": 16`, `"minItems": 8`},
		{`"NINTENDO"`, `"SWITCH"`},
		{`"required": [`, `"needed": [`},
		{`"type": "null"`, `"type": "string"`},
	} {
		changed := strings.Replace(ours, change[0], change[1], 1)
		same := slices.Equal(factsOf(t, []byte(ours)), factsOf(t, []byte(changed)))
		if !strings.Contains(ours, change[0]) || same != (change[0] == change[1]) {
			t.Errorf("%s instead of %s: the same facts: %v", change[1], change[0], same)
		}
	}
}
