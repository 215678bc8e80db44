package wolfapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Success is the answer of a call that has no other.
type Success struct {
	Success bool `json:"success"`
}

// Failure is the answer of every call that failed.
type Failure struct {
	Success bool   `json:"success"`
	Error   string `json:"error"`
}

// Key is an id in a request: a string, or a number from tools that write one.
type Key string

// UnmarshalJSON takes a string or a number.
func (k *Key) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err == nil {
		*k = Key(text)
		return nil
	}
	var number json.Number
	if err := json.Unmarshal(raw, &number); err != nil {
		return fmt.Errorf("%.40q is no id: write a string", raw)
	}
	*k = Key(number)
	return nil
}

// App is an app in Wolf's words. Kennel chooses encoders, GPUs and displays
// itself: pipelines, render_node and the two starts are taken and not used.
type App struct {
	Title                  string  `json:"title"`
	ID                     Key     `json:"id"`
	SupportHDR             bool    `json:"support_hdr"`
	IconPNGPath            *string `json:"icon_png_path,omitempty"`
	H264GstPipeline        string  `json:"h264_gst_pipeline"`
	HEVCGstPipeline        string  `json:"hevc_gst_pipeline"`
	AV1GstPipeline         string  `json:"av1_gst_pipeline"`
	RenderNode             string  `json:"render_node"`
	OpusGstPipeline        string  `json:"opus_gst_pipeline"`
	StartVirtualCompositor bool    `json:"start_virtual_compositor"`
	StartAudioServer       bool    `json:"start_audio_server"`
	Runner                 Runner  `json:"runner"`
}

// Runner types of Wolf.
const (
	runnerProcess = "process"
	runnerDocker  = "docker"
)

// Runner is how an app is started: a union that Type tells apart.
type Runner struct {
	Type string

	Process ProcessRunner
	Docker  DockerRunner
}

// ProcessRunner runs a command.
type ProcessRunner struct {
	Type   string `json:"type" enum:"process"`
	RunCmd string `json:"run_cmd"`
}

// DockerRunner runs a container.
type DockerRunner struct {
	Type           string   `json:"type" enum:"docker"`
	Name           string   `json:"name"`
	Image          string   `json:"image"`
	Mounts         []string `json:"mounts"`
	Env            []string `json:"env"`
	Devices        []string `json:"devices"`
	Ports          []string `json:"ports"`
	BaseCreateJSON *string  `json:"base_create_json,omitempty"`
}

// MarshalJSON writes the variant that Type names.
func (r Runner) MarshalJSON() ([]byte, error) {
	if r.Type == runnerDocker {
		d := r.Docker
		d.Type = runnerDocker
		for _, list := range []*[]string{&d.Mounts, &d.Env, &d.Devices, &d.Ports} {
			if *list == nil {
				*list = []string{}
			}
		}
		return json.Marshal(d)
	}
	return json.Marshal(ProcessRunner{Type: runnerProcess, RunCmd: r.Process.RunCmd})
}

// UnmarshalJSON reads the variant that "type" names, in lower case or with a
// capital.
func (r *Runner) UnmarshalJSON(raw []byte) error {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil
	}
	var tag struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &tag); err != nil {
		return err
	}
	*r = Runner{Type: strings.ToLower(tag.Type)}
	switch r.Type {
	case runnerProcess:
		return json.Unmarshal(raw, &r.Process)
	case runnerDocker:
		return json.Unmarshal(raw, &r.Docker)
	}
	return nil // refused where it is used, with a sentence
}

// AppList is the answer of GET apps.
type AppList struct {
	Success bool  `json:"success"`
	Apps    []App `json:"apps"`
}

// AppDelete names the app to remove.
type AppDelete struct {
	ID Key `json:"id"`
}

// Profile is a user's set of apps.
type Profile struct {
	Name        string `json:"name"`
	ID          Key    `json:"id"`
	IconPNGPath string `json:"icon_png_path"`
	PIN         *[]int `json:"pin,omitempty"`
	Apps        []App  `json:"apps"`
}

// ProfileList is the answer of GET profiles.
type ProfileList struct {
	Success  bool      `json:"success"`
	Profiles []Profile `json:"profiles"`
}

// ProfileRemove names the profile to remove.
type ProfileRemove struct {
	ID Key `json:"id"`
}

// Controller is a kind of game controller.
type Controller string

// Settings are those of a client. Kennel keeps none: they are what holds for
// everybody.
type Settings struct {
	RunUID              int          `json:"run_uid"`
	RunGID              int          `json:"run_gid"`
	ControllersOverride []Controller `json:"controllers_override"`
	MouseAcceleration   float64      `json:"mouse_acceleration"`
	VScrollAcceleration float64      `json:"v_scroll_acceleration"`
	HScrollAcceleration float64      `json:"h_scroll_acceleration"`
	// MotionControllerOverride is newer than Wolf's published description.
	MotionControllerOverride Controller `json:"motion_controller_override"`
}

// PartialSettings are those of a client that are to be changed.
type PartialSettings struct {
	RunUID              *int          `json:"run_uid,omitempty"`
	RunGID              *int          `json:"run_gid,omitempty"`
	ControllersOverride *[]Controller `json:"controllers_override,omitempty"`
	MouseAcceleration   *float64      `json:"mouse_acceleration,omitempty"`
	VScrollAcceleration *float64      `json:"v_scroll_acceleration,omitempty"`
	HScrollAcceleration *float64      `json:"h_scroll_acceleration,omitempty"`
	// MotionControllerOverride is newer than Wolf's published description.
	MotionControllerOverride *Controller `json:"motion_controller_override,omitempty"`
}

// Client is a paired client.
type Client struct {
	ClientID       Key      `json:"client_id"`
	AppStateFolder string   `json:"app_state_folder"`
	Settings       Settings `json:"settings"`
}

// ClientList is the answer of GET clients.
type ClientList struct {
	Success bool     `json:"success"`
	Clients []Client `json:"clients"`
}

// ClientSettings asks for other settings of a client.
type ClientSettings struct {
	ClientID       Key              `json:"client_id"`
	AppStateFolder *string          `json:"app_state_folder"`
	Settings       *PartialSettings `json:"settings"`
}

// Unpair names the client to forget.
type Unpair struct {
	ClientID Key `json:"client_id"`
}

// Pending is a client that waits for its PIN.
type Pending struct {
	PairSecret string `json:"pair_secret"`
	ClientIP   string `json:"client_ip"`
}

// PendingList is the answer of GET pair/pending.
type PendingList struct {
	Success  bool      `json:"success"`
	Requests []Pending `json:"requests"`
}

// Pair gives a waiting client its PIN.
type Pair struct {
	PairSecret string `json:"pair_secret"`
	PIN        Key    `json:"pin"`
}
