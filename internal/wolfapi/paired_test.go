package wolfapi

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/internal/web"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// TestClientNumbersAreWolfs: the first is what Wolf itself answers for a client
// with that certificate, the others what g++ makes of std::hash.
func TestClientNumbersAreWolfs(t *testing.T) {
	for text, want := range map[string]Key{
		"A VERY VALID CERTIFICATE": "10594003729173467913",
		"":                         "6142509188972423790",
		"a":                        "4993892634952068459",
		"abc":                      "3663726644998027833",
		"abcdefgh":                 "8664279048047335611",
		"abcdefghi":                "13036955925923793583",
		"hello, wolf":              "422638477654387612",
	} {
		if got := certificateNumber([]byte(text)); got != want {
			t.Errorf("%q became %s, want %s", text, got, want)
		}
	}
}

// TestPairedClients have Wolf's number and Wolf's folder where one was taken over.
func TestPairedClients(t *testing.T) {
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var ids []string
	var certs [][]byte
	for i := range 4 {
		identity, err := gamestream.NewHostIdentity()
		if err != nil {
			t.Fatal(err)
		}
		cert, _ := identity.PEM()
		c, err := s.AddClient(t.Context(), "x", cert, time.UnixMilli(int64(i+1)))
		if err != nil {
			t.Fatal(err)
		}
		ids, certs = append(ids, c.ID), append(certs, cert)
	}
	links := t.TempDir()
	for i, target := range []string{"/etc/wolf/./some/folder", "/etc/wolf/16531021386011371178"} {
		if err := os.Symlink(target, filepath.Join(links, ids[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(links, ids[2]), 0o700); err != nil {
		t.Fatal(err)
	}
	l := &Local{Local: &web.Local{Store: s}, Links: links}
	all, err := l.Paired(t.Context())
	if err != nil || len(all) != 4 {
		t.Fatalf("%d clients, %v", len(all), err)
	}
	for i, folder := range []string{"some/folder", "16531021386011371178", ids[2], ids[3]} {
		if c := all[i]; c.ID != ids[i] || c.Folder != folder || c.Number != certificateNumber(certs[i]) || c.Number != l.number(ids[i]) {
			t.Errorf("client %d: %+v", i, c)
		}
	}
	if env := ClientEnv(s)(ids[1]); len(env) != 1 || env[0] != "WOLF_SESSION_ID="+string(all[1].Number) {
		t.Errorf("apps are told %q", env)
	}
	if l.number(anna) != "1" {
		t.Errorf("a client that is made up has the number %s", l.number(anna))
	}
}
