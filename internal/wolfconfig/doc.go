// Package wolfconfig reads the configuration of Wolf (games-on-whales) as it is,
// so that whoever runs Wolf can point Kennel at it: config.toml of the versions
// 2 to 9, the host's key, and the WOLF_ variables of its environment. Whatever
// Kennel does not do is told with the lines where it is written; nothing is
// passed over in silence.
//
// The keys are those of Wolf's src/moonlight-server/state/serialised_config.hpp
// and of its documentation's page on configuration.
package wolfconfig

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kennel-stream/kennel/internal/config"
)

// The versions of config.toml that this package knows.
const (
	OldestVersion = 2
	NewestVersion = 9
)

// MaxFile is the largest config.toml in bytes. Wolf writes every paired client
// into it.
const MaxFile = 4 << 20

// File is a config.toml in Kennel's words.
type File struct {
	// Version is its config_version; 0 where it has none.
	Version int
	// Hostname is what Moonlight shows, and UUID how it knows the host; empty
	// where the file has none that can be used.
	Hostname, UUID string
	// Clients are the paired clients whose certificates can be read.
	Clients []Client
	// Apps are the apps that Kennel can run, those for Moonlight's own list first.
	Apps []App
	// Profiles are those beside Moonlight's own list, with the slugs of their apps.
	Profiles []config.WolfProfile
	// Encoders is the order of H.264 encoders in Kennel's names; empty where the
	// file has none.
	Encoders []string
	// Notes are what is not honoured, in the order of the file, pipelines last.
	Notes []Note
}

// Client is a paired client.
type Client struct {
	// CertPEM is one certificate, with each byte as Wolf has it: Wolf's id of the
	// client is made from it.
	CertPEM []byte
	// Folder is where its apps keep their state, relative to Wolf's state folder.
	Folder string
}

// App is an app with the profile that has it.
type App struct {
	config.App
	// Profile is the id of its profile; empty for the apps that every client has.
	Profile string
	// Node is the render node that it asks for; empty for the default one.
	Node string

	profileName string
	path        string
	icon        string // as written
	folder      string // its title in Wolf, where its state lies
}

// Note is something that is not honoured.
type Note struct {
	// Lines are where it is written, from 1 and ascending; empty for what is not
	// in the file, as a variable.
	Lines []int `json:"lines"`
	// Key is its path, with [] for any element: "apps[].video.source".
	Key string `json:"key"`
	// Why says what Kennel does instead.
	Why string `json:"why"`
}

// maxLinesShown bounds how many lines a note prints.
const maxLinesShown = 8

// String is the note in one line.
func (n Note) String() string {
	if len(n.Lines) == 0 {
		return n.Key + ": " + n.Why
	}
	shown := make([]string, 0, maxLinesShown)
	for _, line := range n.Lines[:min(len(n.Lines), maxLinesShown)] {
		shown = append(shown, strconv.Itoa(line))
	}
	where, more := "line ", ""
	if len(n.Lines) > 1 {
		where = "lines "
	}
	if rest := len(n.Lines) - len(shown); rest > 0 {
		more = fmt.Sprintf(" and %d more", rest)
	}
	return fmt.Sprintf("%s%s%s: %s: %s", where, strings.Join(shown, ", "), more, n.Key, n.Why)
}

// rank is 1 for pipelines, and 0 for all else.
func rank(n Note) int {
	if strings.HasPrefix(n.Key, "gstreamer.") {
		return 1
	}
	return 0
}

// gather puts notes of one key and reason together, in the order of the file
// but for pipelines, which come last.
func gather(notes []Note) []Note {
	var all []Note
	places := map[[2]string]int{}
	for _, n := range notes {
		key := [2]string{n.Key, n.Why}
		if i, ok := places[key]; ok {
			all[i].Lines = append(all[i].Lines, n.Lines...)
			continue
		}
		places[key] = len(all)
		all = append(all, Note{Lines: slices.Clone(n.Lines), Key: n.Key, Why: n.Why})
	}
	for i := range all {
		slices.Sort(all[i].Lines)
		all[i].Lines = slices.Compact(all[i].Lines)
	}
	// A default file has dozens of pipelines: they must not hide what a player misses.
	slices.SortStableFunc(all, func(a, b Note) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), slices.Compare(a.Lines, b.Lines))
	})
	return all
}
