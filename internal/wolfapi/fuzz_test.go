package wolfapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzRequests: whatever a body holds, the answer is JSON that says whether the
// call succeeded.
func FuzzRequests(f *testing.F) {
	var paths []string
	for _, c := range calls() {
		if c.takes != nil && c.raw == nil {
			paths = append(paths, c.path)
		}
	}
	for i := range paths {
		f.Add(uint8(i), `{"session_id":"1","client_id":"1","id":"ff","pair_secret":"c0ffee01","pin":"1234"}`)
	}
	f.Add(uint8(0), firefox)
	f.Add(uint8(0), `{"title":"x","id":-1,"runner":{"type":"process","run_cmd":"foot 'a"}}`)
	f.Add(uint8(4), `{"app_id":"788346166","aes_key":"zz","aes_iv":"9","rtsp_fake_ip":"::","audio_channel_count":2}`)
	d := newDesk(f)
	h := handler(newAPI(d, NewFeed(), func(string, ...any) {}))
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		d.streams = []Stream{streaming()}
		path := paths[int(which)%len(paths)]
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
		var answer struct {
			Success *bool
			Error   string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Success == nil || *answer.Success != (w.Code == http.StatusOK) || *answer.Success == (answer.Error != "") {
			t.Errorf("%s answers %d %s: %v", path, w.Code, w.Body, err)
		}
		// What was taken can be listed, and is found again by its id.
		for _, e := range d.catalogue.Entries()[1:] {
			text, err := json.Marshal(appOf(e.App))
			if err != nil {
				t.Fatalf("%+v: %v", e, err)
			}
			var again App
			if err := json.Unmarshal(text, &again); err != nil || again.ID != idOf(e.App) || again.Title != e.Title {
				t.Errorf("%s: %v", text, err)
			}
			if err := d.catalogue.Delete(t.Context(), e.Slug); err != nil {
				t.Error(err)
			}
		}
	})
}
