package wolfapi

import (
	"net/http"
	"strconv"
	"time"
)

func send(w http.ResponseWriter, status int, kind string, text []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	// An error here means that the caller has gone.
	_, _ = w.Write(text)
}

func (a *api) schema(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, "application/json", Schema())
}

// refuse answers an error of a call that writes its own answer.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	a.log("a call over wolf's api failed", "call", r.URL.Path, "error", err.Error())
	reply(w, status, Failure{Error: err.Error()})
}

const (
	// keepalive is how often a stream of events says that it lives, as Wolf's does.
	keepalive = 15 * time.Second
	// eventTimeout bounds the writing of one event.
	eventTimeout = 10 * time.Second
)

// events sends what happens until the caller goes, falls behind or the host ends.
func (a *api) events(w http.ResponseWriter, r *http.Request) {
	events, leave, err := a.feed.subscribe()
	if err != nil {
		reply(w, http.StatusInternalServerError, Failure{Error: err.Error()})
		return
	}
	defer leave()
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	// Tools that read the socket line by line must not meet chunks.
	w.Header().Set("Transfer-Encoding", "identity")
	w.WriteHeader(http.StatusOK)
	write := func(text []byte) bool {
		if out.SetWriteDeadline(time.Now().Add(eventTimeout)) != nil {
			return false
		}
		_, err := w.Write(text)
		return err == nil && out.Flush() == nil
	}
	// The request was read; from now on its connection may stay silent.
	if out.Flush() != nil || out.SetReadDeadline(time.Time{}) != nil {
		return
	}
	ticker := time.NewTicker(keepalive)
	defer ticker.Stop()
	for {
		text := []byte(":keepalive\n\n")
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			text = e
		case <-ticker.C:
		case <-r.Context().Done():
			return
		}
		if !write(text) {
			return
		}
	}
}
