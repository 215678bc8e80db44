package host

import (
	"sync"

	"github.com/kennel-stream/kennel/internal/boxart"
	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// artCache keeps what was drawn: clients ask for the pictures of all apps every
// time that they show them.
type artCache struct {
	mu    sync.Mutex // covers drawn; held while one is drawn, so that it is drawn once
	drawn map[artKey][]byte
}

// artKey is all that drawn box art depends on.
type artKey struct{ title, slug, program string }

// maxArt bounds the cache; apps come and go over the API.
const maxArt = 64

func (c *artCache) draw(a config.App) ([]byte, error) {
	key := artKey{a.Title, a.Slug, program(a.Runner)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if raw, ok := c.drawn[key]; ok {
		return raw, nil
	}
	icon, err := boxart.FindIcon("/", key.program)
	if err != nil {
		icon = nil
	}
	raw, err := boxart.Draw(a.Title, a.Slug, icon)
	if err != nil {
		return nil, err
	}
	if c.drawn == nil || len(c.drawn) >= maxArt {
		c.drawn = map[artKey][]byte{}
	}
	c.drawn[key] = raw
	return raw, nil
}

// program is what an app runs, "" where that is not known.
func program(r config.Runner) string {
	words, err := r.Command()
	if err != nil || len(words) == 0 {
		return ""
	}
	return words[0]
}

// Art is an app's box art as PNG. Fault says why the file that the
// configuration names is not it.
type Art struct {
	PNG   []byte
	Fault error
}

// Art returns an app's box art: the file of the configuration, else one drawn
// for it.
func (c *Catalogue) Art(id int32) (Art, error) {
	for _, e := range c.Entries() {
		if e.ID != int(id) {
			continue
		}
		var fault error
		if e.IconPNGPath != "" {
			raw, err := boxart.Load(e.IconPNGPath)
			if err == nil {
				return Art{PNG: raw}, nil
			}
			fault = err
		}
		raw, err := c.art.draw(e.App)
		return Art{raw, fault}, err
	}
	return Art{}, evidence.Errorf(evidence.NotFound, "this host has no app with the id %d", id)
}
