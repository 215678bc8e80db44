package diagnosis

import (
	"regexp"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// markKind is what a line of Wolf's own says about a session's life.
type markKind int

const (
	processStart markKind = iota
	processReady
	pairBegan
	paired
	requestLaunch
	requestResume
	requestCancel
	stageBegan
	stageDone
	clientGone
	paused
	stopped
	appEnded
	debugSeen
	sinkRemoved
	clientUnknown
	launchSign // of a launch, where its request is not logged
	signalled
	padFailed // a game controller of the client could not be made
	mdnsBegan
	pairGivenUp
	frameFed // the video source is fed by the process itself, not by a display
	lobbyEnded
	appOutput    // of an app that has ended, from here on
	ownEvent     // of a session of Kennel's, see own.go
	clientNumber // Wolf's number of a session's client
	listening    // a port was opened; which one is the detail
)

// kennelUp is in Kennel's own word that it serves.
const kennelUp = ` is up as "`

// mark is a line that belongs to the normal course of things.
type mark struct {
	literal string
	re      *regexp.Regexp // narrows; its first group is the detail
	kind    markKind
	stage   evidence.Stage
}

// marks are what tells the stages of a session, in the words of all known
// releases of Wolf.
var marks = []mark{
	{"Gstreamer version: ", nil, processStart, ""},
	{kennelUp, regexp.MustCompile(`^kennel \S+ is up as "`), processStart, ""},
	{" session=", nil, ownEvent, ""},
	{"HTTPS server listening on port", nil, processReady, ""},
	{"HTTP server listening on port", regexp.MustCompile(`(HTTP) server listening on port`), listening, ""},
	{"RTSP server started on port", regexp.MustCompile(`(RTSP) server started on port`), listening, ""},
	{"Control server started on port", regexp.MustCompile(`(Control) server started on port`), listening, ""},
	{"Insert pin at http", nil, pairBegan, ""},
	{"Succesfully paired ", nil, paired, ""},
	{"Successfully paired ", nil, paired, ""},
	{"/launch", regexp.MustCompile(`\[GET\] HTTPS?://\S*/launch`), requestLaunch, evidence.StageLaunch},
	{"/resume", regexp.MustCompile(`\[GET\] HTTPS?://\S*/resume`), requestResume, evidence.StageLaunch},
	{"/cancel", regexp.MustCompile(`\[GET\] HTTPS?://\S*/cancel`), requestCancel, evidence.StageStop},
	{"[API] Received request", regexp.MustCompile(`Received request: (\w+ \S+)`), stageDone, evidence.StageAPI},
	{"Host app state folder: ", regexp.MustCompile(`/(\d{10,20})/`), clientNumber, ""},
	{"Create wayland compositor", nil, stageBegan, evidence.StageDisplay},
	{"Creating wayland display", nil, stageBegan, evidence.StageDisplay},
	{"Wayland display ready", regexp.MustCompile(`listening on: (wayland-\d+)`), stageDone, evidence.StageDisplay},
	{"Create virtual audio sink", nil, stageBegan, evidence.StageAudioSink},
	{"Created virtual sink: ", regexp.MustCompile(`Created virtual sink: (\d{1,9})$`), stageDone, evidence.StageAudioSink},
	{"] Start runner", nil, stageBegan, evidence.StageApp},
	{"Starting container: /", regexp.MustCompile(`Starting container: (/\S+)`), stageDone, evidence.StageApp},
	{"[PROCESS] Starting process: ", regexp.MustCompile(`Starting process: (.{1,60})`), stageDone, evidence.StageApp},
	{"[RTSP] received command OPTIONS", nil, stageBegan, evidence.StageRTSP},
	{"[RTSP] received command PLAY", nil, stageDone, evidence.StageRTSP},
	{"Starting audio pipeline", nil, stageDone, evidence.StageAudioPipeline},
	{"Starting video pipeline", nil, stageDone, evidence.StageVideoPipeline},
	{"[ENET] connected client", nil, stageDone, evidence.StageControl},
	{"[ENET] disconnected client", nil, clientGone, evidence.StageControl},
	{"[GSTREAMER] Forcing IDR", nil, stageDone, evidence.StageStreaming},
	{"[GSTREAMER] Pausing pipeline", nil, paused, evidence.StageStop},
	{"[GSTREAMER] Stopping pipeline", nil, stopped, evidence.StageStop},
	{"Pipeline reached End Of Stream", nil, stopped, evidence.StageStop},
	{"stopping lobby ", nil, lobbyEnded, ""},
	{" leaving lobby ", nil, lobbyEnded, ""},
	{"[DOCKER] Container logs:", nil, appOutput, ""},
	{"Stopping container: /", regexp.MustCompile(`Stopping container: (/\S+)`), appEnded, evidence.StageApp},
	{"Stopped container", regexp.MustCompile(`Stopped container(?:: (/\S+))?`), appEnded, evidence.StageApp},
	{"[PROCESS] Terminated with status code", nil, appEnded, evidence.StageApp},
	{"Process exited with code: ", regexp.MustCompile(`^Process exited with code: `), appEnded, evidence.StageApp},
	{"RTP server started on port", regexp.MustCompile(`on port: (\d+)`), launchSign, ""},
	{"Skipping NVIDIA encoder", nil, debugSeen, ""},
	{"Remove virtual audio sink", nil, sinkRemoved, ""},
	{"Unable to find enet client", nil, clientUnknown, ""},
	{" joypad: ", regexp.MustCompile(`Failed to create .{1,30} joypad: `), padFailed, ""},
	{"Received interrupt signal ", regexp.MustCompile(`Received interrupt signal (\d+)`), signalled, ""},
	{"Unpairing: ", nil, pairGivenUp, ""},
	{"Starting mDNS service", nil, mdnsBegan, ""},
	{"Setting up wolf_wayland_source", nil, frameFed, ""},
	{"producer: appsrc ", regexp.MustCompile(`wolf_wayland_source`), frameFed, ""},
}

// inInfo tells whether a stage shows at Wolf's level INFO; the others need DEBUG.
func inInfo(stage evidence.Stage) bool {
	return stage == evidence.StageDisplay || stage == evidence.StageApp
}
