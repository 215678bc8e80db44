package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
)

// testDevicesToCome: a rule is there once, and a right that was given by name
// stays.
func testDevicesToCome(t *testing.T) {
	t.Helper()
	const rule = "c 13:* rmw"
	for _, c := range []struct {
		base   string
		spec   Spec
		caps   []string
		reason string
	}{
		{"", Spec{}, []string{"MKNOD"}, "nobody asked for it"},
		{`{"HostConfig":{"CapAdd":["CAP_MKNOD"],"DeviceCgroupRules":["` + rule + `"]}}`, Spec{}, nil, "the base adds it"},
		{`{"HostConfig":{"CapAdd":["all"]}}`, Spec{}, nil, "the base adds all"},
		{"", Spec{Capabilities: []string{"MKNOD"}}, nil, "the app adds it"},
		{"", Spec{Strict: true}, []string{"ALL"}, "there is none to take"},
	} {
		s := c.spec
		s.Base, s.Image, s.Without, s.DeviceRules = c.base, "i", []string{"MKNOD"}, []string{rule}
		r, err := s.request()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.caps, []string(r.HostConfig.CapDrop)); diff != "" {
			t.Errorf("%s: %s", c.reason, diff)
		}
		if diff := cmp.Diff([]string{rule}, r.HostConfig.DeviceCgroupRules); diff != "" {
			t.Errorf("%s: %s", c.reason, diff)
		}
	}
}

// TestRequestKeepsItsBase: what Wolf's users have in base_create_json stays, and
// the rest is added to it.
func TestRequestKeepsItsBase(t *testing.T) {
	const base = `{"WorkingDir":"/srv","Env":["A=1"],"HostConfig":{"IpcMode":"host","CapAdd":["MKNOD"],"SecurityOpt":["seccomp=unconfined"],
		"DeviceCgroupRules":["c 13:* rmw"],"ShmSize":64,"GroupAdd":["20"],"AutoRemove":true,"RestartPolicy":{"Name":"always"},"DeviceRequests":[{"Driver":"cdi","DeviceIDs":["v/c=0"]}]}}`
	r, err := Spec{Base: base, Image: "i", Env: []string{"B=2"}, Groups: []string{"109"}, ShmBytes: 128, GPUs: "all", Capabilities: []string{"SYS_NICE"}, SecurityOpt: []string{"apparmor=mine"}}.request()
	if err != nil {
		t.Fatal(err)
	}
	h := r.HostConfig
	got := map[string]any{
		"dir": r.WorkingDir, "env": r.Env, "ipc": string(h.IpcMode), "caps": []string(h.CapAdd), "security": h.SecurityOpt, "rules": h.DeviceCgroupRules,
		"groups": h.GroupAdd, "remove": h.AutoRemove, "restart": h.RestartPolicy.Name, "gpus": len(h.DeviceRequests), "shm": h.ShmSize, "driver": h.DeviceRequests[0].Driver,
	}
	want := map[string]any{
		"dir": "/srv", "env": []string{"A=1", "B=2"}, "ipc": "host", "caps": []string{"MKNOD", "SYS_NICE"}, "security": []string{"seccomp=unconfined", "apparmor=mine", "no-new-privileges"},
		"rules": []string{"c 13:* rmw"}, "groups": []string{"20", "109"}, "remove": false, "restart": container.RestartPolicyDisabled, "gpus": 1, "shm": int64(64), "driver": "cdi",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	own, err := Spec{Image: "i", Dir: "/games", GPUs: "device=1", NewPrivileges: true, Strict: true}.request()
	if err != nil {
		t.Fatal(err)
	}
	if h := own.HostConfig; own.WorkingDir != "/games" || h.DeviceRequests[0].DeviceIDs[0] != "1" || len(h.SecurityOpt) > 0 || h.CapDrop[0] != "ALL" {
		t.Errorf("%+v %+v", own.Config, h)
	}
	for text, want := range map[string]container.DeviceRequest{
		"nvidia.com/gpu=0,nvidia.com/gpu=1": {Driver: "cdi", DeviceIDs: []string{"nvidia.com/gpu=0", "nvidia.com/gpu=1"}},
		"2":                                 {Driver: "nvidia", Count: 2, Capabilities: [][]string{{"gpu", "compute", "graphics", "display", "video", "utility"}}},
	} {
		if diff := cmp.Diff(want, gpuRequest(text)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	testDevicesToCome(t)
	// A log of the operator's own stays; else its file is bounded.
	for base, want := range map[string]container.LogConfig{
		"": {Type: "json-file", Config: map[string]string{"max-size": "1048576"}},
		`{"HostConfig":{"LogConfig":{"Type":"none"}}}`:             {Type: "none"},
		`{"HostConfig":{"LogConfig":{"Config":{"max-size":"5"}}}}`: {Config: map[string]string{"max-size": "5"}},
	} {
		r, err := Spec{Base: base, Image: "i", LogBytes: 1 << 20}.request()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.HostConfig.LogConfig); diff != "" {
			t.Errorf("%s: %s", base, diff)
		}
	}
	if _, err := (Spec{Base: "{"}).request(); err == nil {
		t.Error("a base that is no JSON is taken")
	}
}
