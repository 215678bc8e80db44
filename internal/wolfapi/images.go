package wolfapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
)

const (
	// maxPulls bounds the images that are fetched at one time, and maxImageName
	// the name of one in bytes.
	maxPulls     = 4
	maxImageName = 512
	// pullTimeout bounds one; a registry that falls silent is given up earlier.
	pullTimeout = 2 * time.Hour
)

// Pull implements Backend.
func (l *Local) Pull(ctx context.Context, image string, tell func(engine.Progress)) error {
	e, err := engine.Connect(ctx, l.Engines)
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	return e.Pull(ctx, image, tell)
}

// Image implements Backend.
func (l *Local) Image(ctx context.Context, image string) ([]byte, error) {
	e, err := engine.Connect(ctx, l.Engines)
	if err != nil {
		return nil, err
	}
	defer func() { _ = e.Close() }()
	return e.ImageJSON(ctx, image)
}

func checkImage(name string) error {
	if name == "" || len(name) > maxImageName {
		return evidence.Errorf(evidence.Invalid, "name an image of 1 to %d bytes, such as ghcr.io/games-on-whales/firefox:edge", maxImageName)
	}
	return nil
}

// pullProgress is a line of the answer to docker/images/pull. Kennel counts all
// layers of an image together.
type pullProgress struct {
	LayerID         string `json:"layer_id"`
	CurrentProgress int64  `json:"current_progress"`
	Total           int64  `json:"total"`
}

// pulling and pulled are the events about an image; Wolf sends them without the
// name of a namespace.
type pulling struct {
	ImageName string `json:"image_name"`
}

type pulled struct {
	ImageName string `json:"image_name"`
	Success   bool   `json:"success"`
}

// pull fetches an image. The answer is a line of JSON whenever there is
// progress, and a last one that tells the outcome. Who goes away ends it.
func (a *api) pull(w http.ResponseWriter, r *http.Request) {
	var request ImagePull
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(body, &request)
	}
	if err != nil {
		a.refuse(w, r, http.StatusInternalServerError, evidence.Errorf(evidence.Invalid, "read the request's json: %w", err))
		return
	}
	if err := checkImage(request.ImageName); err != nil {
		a.refuse(w, r, http.StatusInternalServerError, err)
		return
	}
	select {
	case a.pulls <- struct{}{}:
		defer func() { <-a.pulls }()
	default:
		a.refuse(w, r, http.StatusInternalServerError, evidence.Errorf(evidence.Full, "%d images are being fetched: wait until one is there", maxPulls))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pullTimeout)
	defer cancel()
	a.feed.sendAs("DockerPullImageStartEvent", pulling(request))
	out := &lines{w: w, cancel: cancel}
	err = a.backend.Pull(ctx, request.ImageName, func(p engine.Progress) {
		out.write(pullProgress{LayerID: request.ImageName, CurrentProgress: p.Done, Total: p.Total})
	})
	a.feed.sendAs("DockerPullImageEndEvent", pulled{request.ImageName, err == nil})
	switch {
	case err == nil:
		out.write(ImagePulled{Success: true})
	case !out.begun:
		a.refuse(w, r, http.StatusInternalServerError, err)
	default:
		a.log("a call over wolf's api failed", "call", r.URL.Path, "error", err.Error())
		out.write(Failure{Error: err.Error()})
	}
}

// lines writes one line of JSON after the other.
type lines struct {
	w      http.ResponseWriter
	cancel func()
	begun  bool
}

func (l *lines) write(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		return // nothing of ours fails
	}
	out := http.NewResponseController(l.w)
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", "application/json")
		// Tools read the socket line by line: they must not meet chunks.
		l.w.Header().Set("Transfer-Encoding", "identity")
		// The request was read; from now on its connection may stay silent.
		_ = out.SetReadDeadline(time.Time{})
	}
	err = out.SetWriteDeadline(time.Now().Add(eventTimeout))
	if err == nil {
		_, err = l.w.Write(append(text, '\r', '\n'))
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		l.cancel()
	}
}

// inspect passes on what the engine knows of an image.
func (a *api) inspect(w http.ResponseWriter, r *http.Request) {
	image := r.URL.Query().Get("image_name")
	if err := checkImage(image); err != nil {
		a.refuse(w, r, http.StatusBadRequest, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	text, err := a.backend.Image(ctx, image)
	switch {
	case err == nil:
		send(w, http.StatusOK, "application/json", text)
	case evidence.KindOf(err) == evidence.NotFound:
		a.refuse(w, r, http.StatusNotFound, err)
	default:
		a.refuse(w, r, http.StatusInternalServerError, err)
	}
}

// icon hands out the picture of an app, by the path that apps tells. Nothing
// else of the host is read, whatever the path is.
func (a *api) icon(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Query().Get("icon_path")
	if path == "" {
		a.refuse(w, r, http.StatusBadRequest, evidence.Errorf(evidence.Invalid, "name an app's icon_png_path as icon_path"))
		return
	}
	picture, err := a.picture(r.Context(), path)
	if err != nil {
		a.refuse(w, r, http.StatusNotFound, err)
		return
	}
	send(w, http.StatusOK, "image/png", picture)
}

// picture is that of the app whose icon is at a path.
func (a *api) picture(ctx context.Context, path string) ([]byte, error) {
	entries, err := a.backend.Apps(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IconPNGPath != path {
			continue
		}
		art, err := a.backend.Art(int32(e.ID))
		if err == nil {
			err = art.Fault // what was drawn instead is not what is asked for
		}
		return art.PNG, err
	}
	return nil, evidence.Errorf(evidence.NotFound, "no app has the icon_png_path %.200q: GET apps lists all", path)
}
