package engine

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/jsonstream"
)

// pulled is what Docker 20.10 says while it fetches an image, shortened.
const pulled = `{"status":"Pulling from library/debian","id":"12"}
{"status":"Pulling fs layer","progressDetail":{},"id":"aaaa"}
{"status":"Pulling fs layer","progressDetail":{},"id":"bbbb"}
{"status":"Downloading","progressDetail":{"current":1000000,"total":50000000},"progress":"[>     ]  1MB/50MB","id":"aaaa"}
{"status":"Downloading","progressDetail":{"current":25000000,"total":50000000},"progress":"[==>   ]  25MB/50MB","id":"aaaa"}
{"status":"Downloading","progressDetail":{"current":2000000,"total":10000000},"progress":"[>     ]  2MB/10MB","id":"bbbb"}
{"status":"Verifying Checksum","progressDetail":{},"id":"aaaa"}
{"status":"Download complete","progressDetail":{},"id":"aaaa"}
{"status":"Extracting","progressDetail":{"current":557056,"total":50000000},"progress":"[>     ]  557kB/50MB","id":"aaaa"}
{"status":"Download complete","progressDetail":{},"id":"bbbb"}
{"status":"Pull complete","progressDetail":{},"id":"aaaa"}
{"status":"Status: Downloaded newer image for debian:12"}
`

// pulling is an engine that answers a pull.
func pulling(t *testing.T, answer http.HandlerFunc) *Engine {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
			w.Header().Set("Api-Version", "1.41")
		case strings.HasSuffix(r.URL.Path, "/images/create") && r.URL.Query().Get("fromImage") == "docker.io/library/debian" && r.URL.Query().Get("tag") == "12":
			answer(w, r)
		default:
			t.Errorf("the engine is asked for %s", r.URL)
		}
	}))
	t.Cleanup(s.Close)
	e, err := Connect(t.Context(), []string{"tcp://" + s.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	e.tellEvery = 50 * time.Millisecond
	return e
}

func TestProgressOfAPull(t *testing.T) {
	var told []string
	known, lines := layers{}, json.NewDecoder(strings.NewReader(pulled))
	for {
		var m jsonstream.Message
		if err := lines.Decode(&m); err != nil {
			break
		}
		if p := known.heed(m).String(); len(told) == 0 || told[len(told)-1] != p {
			told = append(told, p)
		}
	}
	want := []string{"asking the registry", "1 of 50 MB", "25 of 50 MB", "27 of 60 MB", "52 of 60 MB", "60 of 60 MB"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

// TestAPullThatStallsHasTold: the newest that came is told, however fast it came.
func TestAPullThatStallsHasTold(t *testing.T) {
	goOn := make(chan struct{})
	e := pulling(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Join(strings.SplitAfter(pulled, "\n")[:6], ""))
		w.(http.Flusher).Flush()
		<-goOn
	})
	if err := e.Pull(t.Context(), "debian:12", func(p Progress) {
		if p.String() == "27 of 60 MB" {
			close(goOn)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// TestAPullThatFails: at once, in the middle, by silence, or by an engine that
// goes away.
func TestAPullThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		words  string
	}{
		"at once": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"message":"pull access denied for debian"}`, http.StatusNotFound)
		}, "pull access denied"},
		"in the middle": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Join(strings.SplitAfter(pulled, "\n")[:5], "")+`{"errorDetail":{"message":"toomanyrequests: slow down"},"error":"toomanyrequests: slow down"}`+"\n")
		}, "toomanyrequests"},
		"silence": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, strings.Join(strings.SplitAfter(pulled, "\n")[:4], ""))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "nothing came for"},
		"no engine any more": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Join(strings.SplitAfter(pulled, "\n")[:4], ""))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			e := pulling(t, c.answer)
			if name == "silence" {
				e.silence = 100 * time.Millisecond
			}
			err := e.Pull(t.Context(), "debian:12", func(Progress) {})
			if err == nil || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), "debian:12") {
				t.Errorf("%v", err)
			}
		})
	}
}
