package probe

import (
	"context"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/terminal"
)

// Show is a person who looks at a stream and types into it. Its Run is a
// script for Options.
type Show struct {
	// Screen is where the pictures are drawn and the keys come from, if any.
	Screen *terminal.Screen
	// Directory gets a PNG a second, if it is not empty; it is made when
	// missing. Wrote is called with the path of each.
	Directory string
	Wrote     func(path string)
	// For is how long to look; 0 for until the stream or the context ends.
	For time.Duration
}

// Two pictures are drawn no closer than this: a terminal is no fast screen.
const drawInterval = 50 * time.Millisecond

// hint is what the person reads below the picture.
const hint = "Ctrl-C ends; what you type goes to the app"

// Run looks until its time is over. It ends without an error when ctx does.
func (w *Show) Run(ctx context.Context, p *Pilot) error {
	if w.Directory != "" {
		if err := os.MkdirAll(w.Directory, 0o755); err != nil {
			return evidence.Errorf(evidence.Invalid, "make a place for pictures: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	typed := make(chan terminal.Key, 64)
	gone := make(chan error, 1)
	if w.Screen != nil {
		go func() {
			gone <- w.Screen.Keys(ctx, func(k terminal.Key) {
				select {
				case typed <- k:
				case <-ctx.Done():
				}
			})
		}()
		defer func() { <-gone }()
	}
	defer cancel()
	return w.look(ctx, p, typed, gone)
}

func (w *Show) look(ctx context.Context, p *Pilot, typed <-chan terminal.Key, gone chan error) error {
	var end <-chan time.Time
	if w.For > 0 {
		timer := time.NewTimer(w.For)
		defer timer.Stop()
		end = timer.C
	}
	draw := time.NewTicker(drawInterval)
	defer draw.Stop()
	save := time.NewTicker(time.Second)
	defer save.Stop()
	v := &view{show: w, pilot: p}
	// The picture that started the script is there already.
	if err := v.draw(); err != nil {
		return err
	}
	for fresh := false; ; {
		select {
		case <-p.news:
			fresh = true
			continue
		case k := <-typed:
			if err := p.press(k); err != nil {
				return err
			}
			continue
		case err := <-gone:
			gone <- err // for the one who waits for it
			return err
		case <-end:
			return v.save()
		case <-ctx.Done():
			return nil
		case <-save.C:
			if err := v.save(); err != nil {
				return err
			}
			continue
		case <-draw.C:
			if !fresh {
				continue
			}
		}
		fresh = false
		if err := v.draw(); err != nil {
			return err
		}
	}
}

// view is what a Show keeps from picture to picture.
type view struct {
	show    *Show
	pilot   *Pilot
	newest  picture
	scaled  *image.RGBA
	written int
	said    image.Point
}

// draw shows the newest picture on the screen.
func (v *view) draw() error {
	screen := v.show.Screen
	if screen == nil {
		return nil
	}
	v.pilot.copy(&v.newest)
	size, err := screen.Pixels(v.newest.width, v.newest.height)
	if err != nil {
		return err
	}
	if v.scaled == nil || v.scaled.Rect.Size() != size {
		v.scaled = image.NewRGBA(image.Rectangle{Max: size})
	}
	v.newest.scale(v.scaled)
	if err := screen.Show(v.scaled); err != nil {
		return err
	}
	if v.said == size {
		return nil
	}
	v.said = size
	return screen.Say(hint)
}

// save writes the newest picture into the directory.
func (v *view) save() error {
	if v.show.Directory == "" {
		return nil
	}
	v.pilot.copy(&v.newest)
	v.written++
	path := filepath.Join(v.show.Directory, fmt.Sprintf("%04d.png", v.written))
	if err := writePNG(path, v.newest.image()); err != nil {
		return err
	}
	if v.show.Wrote != nil {
		v.show.Wrote(path)
	}
	return nil
}
