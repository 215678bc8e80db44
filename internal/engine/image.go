package engine

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// HasImage tells whether the engine has the image.
func (e *Engine) HasImage(ctx context.Context, image string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := e.api.ImageInspect(ctx, image)
	switch {
	case err == nil:
		return true, nil
	case isNotFound(err):
		return false, nil
	}
	return false, e.failed(err, "look for the image %s", image)
}

// ImageJSON is what the engine knows of an image, in its own words.
func (e *Engine) ImageJSON(ctx context.Context, image string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var raw bytes.Buffer
	if _, err := e.api.ImageInspect(ctx, image, client.ImageInspectWithRawResponse(&raw)); err != nil {
		return nil, e.failed(err, "look at the image %s", image)
	}
	return raw.Bytes(), nil
}

// Progress is how far an image has been fetched, in bytes; what is to come is
// found out on the way, so that Total grows.
type Progress struct {
	Done, Total int64
}

// String is the progress for a person.
func (p Progress) String() string {
	if p.Total == 0 {
		return "asking the registry"
	}
	return fmt.Sprintf("%d of %d MB", p.Done/1e6, p.Total/1e6)
}

const (
	// mostLayers bounds the layers that progress is kept of.
	mostLayers = 1024
	// tellEvery is how often progress is told.
	tellEvery = 500 * time.Millisecond
	// pullSilence is how long a registry may say nothing.
	pullSilence = 2 * time.Minute
)

// Pull fetches an image. tell is called from time to time, never twice at once
// and not after the return. Only ctx bounds the whole; a registry that falls silent does not
// hold it for ever.
func (e *Engine) Pull(ctx context.Context, image string, tell func(Progress)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := cmp.Or(e.silence, pullSilence)
	silence := time.AfterFunc(patience, func() { cancel(fmt.Errorf("nothing came for %s", patience)) })
	defer silence.Stop()
	auth, unread := credentials(image, os.Getenv)
	fail := func(err error) error {
		if unread != nil {
			err = fmt.Errorf("%w (without credentials: %w)", err, unread)
		}
		return evidence.Errorf(evidence.Unavailable, "fetch the image %s (engine at %s): %w", image, e.Socket, err)
	}
	stream, err := e.api.ImagePull(ctx, image, client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return fail(orCause(ctx, err))
	}
	known := layers{}
	telling := tellFrom(tell, cmp.Or(e.tellEvery, tellEvery))
	defer telling.stop()
	for m, err := range stream.JSONMessages(ctx) {
		if err != nil {
			return fail(orCause(ctx, err))
		}
		silence.Reset(patience)
		if m.Error != nil {
			return fail(m.Error)
		}
		telling.set(known.heed(m))
	}
	if ctx.Err() != nil {
		return fail(context.Cause(ctx))
	}
	return nil
}

// layers are how far those of an image are, by their ids.
type layers map[string]jsonstream.Progress

// heed takes over what an engine says, and returns how far the whole is.
func (l layers) heed(m jsonstream.Message) (p Progress) {
	one, known := l[m.ID]
	if m.Progress != nil && m.Progress.Total > 0 && m.Status == "Downloading" && (known || len(l) < mostLayers) {
		l[m.ID] = *m.Progress
	} else if known && m.Status == "Download complete" {
		one.Current = one.Total
		l[m.ID] = one
	}
	for _, one := range l {
		p.Done, p.Total = p.Done+one.Current, p.Total+one.Total
	}
	return p
}

// teller tells the newest progress, but not too often. A download that stalls
// has told its last.
type teller struct {
	newest chan Progress // holds one
	ended  chan struct{}
	over   chan struct{}
}

func tellFrom(tell func(Progress), every time.Duration) *teller {
	t := &teller{newest: make(chan Progress, 1), ended: make(chan struct{}), over: make(chan struct{})}
	go func() {
		defer close(t.over)
		for {
			select {
			case p := <-t.newest:
				tell(p)
			case <-t.ended:
				return
			}
			select {
			case <-time.After(every):
			case <-t.ended:
				return
			}
		}
	}()
	return t
}

// set takes the place of what has not been told yet.
func (t *teller) set(p Progress) {
	select {
	case <-t.newest:
	default:
	}
	t.newest <- p
}

func (t *teller) stop() {
	close(t.ended)
	<-t.over
}

func orCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
