package evidence

import (
	"cmp"
	"slices"
)

// FaultID names a fault of the catalogue.
type FaultID string

// Severity is how much a fault costs the player.
type Severity string

// The severities.
const (
	// Warning: the session goes on.
	Warning Severity = "warning"
	// Critical: the session ends or shows no picture.
	Critical Severity = "critical"
)

// Fault is one entry of the catalogue: what can go wrong, in words that a
// person can act on.
type Fault struct {
	ID       FaultID  `json:"id"`
	Stage    Stage    `json:"stage"`
	Severity Severity `json:"severity"`
	// Meaning says in one sentence what happened.
	Meaning string `json:"meaning"`
	// DependsOn are its usual causes: while one of them is present, this fault
	// is a symptom.
	DependsOn []FaultID `json:"depends_on,omitempty"`
	// Cure says what to do.
	Cure string `json:"cure"`
}

// Kennel's own faults.
const (
	FaultDisplayStart     FaultID = "kennel-display-start"
	FaultNoSharedMemory   FaultID = "kennel-no-shared-memory"
	FaultDisplayDied      FaultID = "kennel-display-died"
	FaultAppStart         FaultID = "kennel-app-start"
	FaultAppNotFound      FaultID = "kennel-app-not-found"
	FaultAppExited        FaultID = "kennel-app-exited"
	FaultAppCrashed       FaultID = "kennel-app-crashed"
	FaultAppNoPicture     FaultID = "kennel-app-no-picture"
	FaultAppOOM           FaultID = "kennel-app-oom"
	FaultOOM              FaultID = "kennel-oom"
	FaultEngine           FaultID = "kennel-engine"
	FaultEngineRestarted  FaultID = "kennel-engine-restarted"
	FaultImageMissing     FaultID = "kennel-image-missing"
	FaultContainerStopped FaultID = "kennel-container-stopped"
	FaultRTSPTimeout      FaultID = "kennel-rtsp-timeout"
	FaultControlTimeout   FaultID = "kennel-control-timeout"
	FaultControlLost      FaultID = "kennel-control-lost"
	FaultPingTimeout      FaultID = "kennel-ping-timeout"
	FaultMediaStart       FaultID = "kennel-media-start"
	FaultEncoderMissing   FaultID = "kennel-encoder-missing"
	FaultEncoderInit      FaultID = "kennel-encoder-init"
	FaultEncoderError     FaultID = "kennel-encoder-error"
	FaultEncoderDied      FaultID = "kennel-encoder-died"
	FaultSceneMalformed   FaultID = "kennel-scene-malformed"
	FaultClientBuffer     FaultID = "kennel-client-buffer"
	FaultDecoderMissing   FaultID = "kennel-decoder-missing"
	FaultDecoderError     FaultID = "kennel-decoder-error"
	FaultMediaRequest     FaultID = "kennel-media-request"
	FaultRuntimeDir       FaultID = "kennel-runtime-dir"
	FaultCanary           FaultID = "kennel-canary"
	FaultSoundMissing     FaultID = "kennel-sound-missing"
	FaultSoundStart       FaultID = "kennel-sound-start"
	FaultSoundDied        FaultID = "kennel-sound-died"
	FaultOpusMissing      FaultID = "kennel-opus-missing"
	FaultAudioStart       FaultID = "kennel-audio-start"
	FaultAudioDied        FaultID = "kennel-audio-died"
	FaultReaderStalled    FaultID = "kennel-reader-stalled"
	FaultFrameWithoutFEC  FaultID = "kennel-frame-without-fec"
	FaultFrameTooLarge    FaultID = "kennel-frame-too-large"
	FaultResidue          FaultID = "leak"
	FaultTrend            FaultID = "leak-trend"
	FaultMeterDark        FaultID = "meter-dark"
	FaultGPUMeterMissing  FaultID = "kennel-gpu-meter-missing"
	FaultStopTimeout      FaultID = "kennel-stop-timeout"
	FaultInternal         FaultID = "kennel-internal"
)

var catalogue = []Fault{
	{FaultNoSharedMemory, StageDisplay, Critical, "the machine has no room for the memory in which pictures are shared", nil, "look at 'free -h' and at the host's limits of memory, file size and open files ('systemctl show kennel', 'ulimit -a'), and raise the one that is used up"},
	{FaultDisplayStart, StageDisplay, Critical, "the session's display process did not become ready", []FaultID{FaultNoSharedMemory}, "read the display's lines in the session's output; check free memory and the limit of open files"},
	{FaultDisplayDied, StageDisplay, Critical, "the session's display process ended", []FaultID{FaultOOM}, "start the session again; report the session's output, a client must not be able to end its display"},
	{FaultAppNotFound, StageApp, Critical, "the app's program does not exist or may not be executed", nil, "correct run_cmd of the app, or install its package"},
	{FaultAppStart, StageApp, Critical, "the app could not be started", []FaultID{FaultAppNotFound}, "check the app's user, directory and environment in the configuration"},
	{FaultAppExited, StageApp, Warning, "the app ended by itself", nil, "nothing, when the player quit it; otherwise read the app's last lines"},
	{FaultAppCrashed, StageApp, Critical, "the app ended with an error or by a signal", []FaultID{FaultDisplayDied, FaultOOM}, "read the app's last lines in the session's output"},
	{FaultAppOOM, StageApp, Critical, "the app needed more memory than it may have, or than there was, and the kernel ended it", nil, "raise memory_mib of the app, or free memory of the machine"},
	{FaultOOM, StageApp, Warning, "the kernel ended a process of the session, because the machine or the session's control group had no memory left", nil, "run fewer sessions at once, or keep more memory free: memory_reserve_mib in [limits]; 'kennel sessions show' tells how much each took"},
	{FaultEngine, StageApp, Critical, "the container engine does not answer", nil, "start Docker or podman, and see that kennel may open its socket; name another by socket in [docker]"},
	{FaultEngineRestarted, StageApp, Critical, "the container engine was stopped or restarted, and ended the app's container", nil, "start the session again; with live-restore in /etc/docker/daemon.json containers outlive Docker's restarts"},
	{FaultImageMissing, StageApp, Critical, "the app's image is not on the host and could not be fetched", []FaultID{FaultEngine}, "correct image of the app, log in to its registry, or fetch it by docker pull"},
	{FaultContainerStopped, StageApp, Warning, "the app's container was stopped or removed from outside", []FaultID{FaultEngineRestarted}, "nothing, when an operator did it; otherwise look for what else manages containers on this host"},
	{FaultAppNoPicture, StageApp, Warning, "the app has started but shows no window yet", []FaultID{FaultAppCrashed, FaultDisplayDied}, "wait, or read the app's last lines; it may need another Wayland global or a GPU"},
	{FaultRTSPTimeout, StageRTSP, Critical, "the client launched but did not negotiate the streams in time", nil, "check that the RTSP port is open to the client"},
	{FaultControlTimeout, StageControl, Critical, "the client negotiated but did not connect its control link in time", nil, "check that the control port (UDP) is open to the client"},
	{FaultControlLost, StageControl, Critical, "the client's control link was lost", nil, "check the network between client and host"},
	{FaultPingTimeout, StageStreaming, Critical, "no ping for the video stream came from the client", []FaultID{FaultControlTimeout}, "check that the video port (UDP) is open to the client"},
	{FaultMediaStart, StageVideoPipeline, Critical, "the media process did not become ready", nil, "run kennel-media --check: it names what is missing"},
	{FaultEncoderMissing, StageVideoPipeline, Critical, "no encoder for the codec that the client chose is installed", nil, "install gstreamer1.0-plugins-ugly (x264enc) or gstreamer1.0-plugins-bad (openh264enc)"},
	{FaultEncoderInit, StageVideoPipeline, Critical, "the encoder could not be started", []FaultID{FaultEncoderMissing}, "run kennel-media --check; read the media process's lines in the session's output"},
	{FaultEncoderError, StageVideoPipeline, Critical, "the encoder reported an error in the middle of the stream", nil, "read the media process's lines in the session's output"},
	{FaultEncoderDied, StageVideoPipeline, Critical, "the media process ended in the middle of the stream", []FaultID{FaultEncoderError, FaultOOM}, "read the media process's lines in the session's output"},
	{FaultSceneMalformed, StageVideoPipeline, Warning, "the encoder was given a picture that is malformed or unsafe to read", nil, "report it with the session's events: the display and kennel-media must be of one release"},
	{FaultClientBuffer, StageVideoPipeline, Warning, "a GPU buffer that the app drew ended the process that read it, and is left out of the picture", nil, "start the app without GPU buffers: dmabuf = \"off\" in [display]; update the GPU's driver"},
	{FaultDecoderMissing, StageVideoPipeline, Critical, "no decoder for the codec is installed", nil, "install gstreamer1.0-libav (avdec_h264) or gstreamer1.0-plugins-bad (openh264dec)"},
	{FaultDecoderError, StageVideoPipeline, Critical, "the decoder could not be started or failed for good", []FaultID{FaultDecoderMissing}, "run kennel-media --check"},
	{FaultMediaRequest, StageVideoPipeline, Critical, "a media process was asked for what it cannot do", nil, "install kennel and kennel-media of one release"},
	{FaultRuntimeDir, StageLaunch, Critical, "the session's directory, user or control group could not be made", nil, "make the runtime directory writable (/run/kennel for root, $XDG_RUNTIME_DIR otherwise), and see that its disk is not full"},
	{FaultCanary, StageStreaming, Critical, "the host's own test session brought no picture", nil, "run kennel serve --check, and read the host's log"},
	{FaultSoundMissing, StageAudioSink, Warning, "no sound server is installed: the session goes on without sound", nil, "install pulseaudio (apt install pulseaudio)"},
	{FaultSoundStart, StageAudioSink, Warning, "the session's sound server could not be started: the session goes on without sound", nil, "read the sound server's lines in the session's output"},
	{FaultSoundDied, StageAudioSink, Warning, "the session's sound server ended and was replaced: the app may stay silent", []FaultID{FaultOOM}, "start the app again when it stays silent; read the sound server's lines in the session's output"},
	{FaultOpusMissing, StageAudioPipeline, Warning, "sound cannot be encoded: the session goes on without sound", nil, "install libopus0 (apt install libopus0)"},
	{FaultAudioStart, StageAudioPipeline, Warning, "the process that encodes sound did not become ready", []FaultID{FaultOpusMissing}, "read the audio process's lines in the session's output"},
	{FaultAudioDied, StageAudioPipeline, Warning, "the process that encodes sound ended in the middle of the stream", []FaultID{FaultAudioStart}, "read the audio process's lines in the session's output"},
	{FaultReaderStalled, StageVideoPipeline, Critical, "nobody took the encoded frames for so long that the encoder gave up", nil, "look for what keeps kennel serve from running: a stopped process, or a machine without memory"},
	{FaultFrameWithoutFEC, StageStreaming, Warning, "a frame was so large that it was sent without error correction", nil, "lower the bitrate or the resolution in the client"},
	{FaultFrameTooLarge, StageStreaming, Warning, "a frame was larger than the protocol can carry and was dropped", nil, "lower the bitrate or the resolution in the client"},
	{FaultResidue, StageStop, Critical, "something that the session took was not given back", nil, "read the session's receipt: it names the resource"},
	{FaultTrend, StageStop, Warning, "something grows with every session, and will run out", nil, "see kennel sessions trend; restart the host when it suits, and report what grows"},
	{FaultMeterDark, StageVideoPipeline, Warning, "a meter does not answer: what it measures is unknown, and encoders that need it are not used until it does", nil, "the event names the meter and the reason; for gpu run nvidia-smi: when it hangs or fails too, the driver must be reset or the machine restarted"},
	{FaultGPUMeterMissing, StageVideoPipeline, Warning, "NVIDIA's management library is not installed: GPU memory is not measured", nil, "on a machine with an NVIDIA GPU install libnvidia-ml1"},
	{FaultStopTimeout, StageStop, Critical, "processes of the session were still alive after they were killed", nil, "look for processes in uninterruptible sleep (state D): a driver or a network file system hangs"},
	{FaultInternal, StageStop, Critical, "an internal error of Kennel", nil, "report it with the session's events"},
}

// Faults returns Kennel's own catalogue, ordered by id.
func Faults() []Fault {
	return slices.SortedFunc(slices.Values(catalogue), func(a, b Fault) int { return cmp.Compare(a.ID, b.ID) })
}

// LookupFault returns the fault of that id.
func LookupFault(id FaultID) (Fault, bool) {
	i := slices.IndexFunc(catalogue, func(f Fault) bool { return f.ID == id })
	if i < 0 {
		return Fault{}, false
	}
	return catalogue[i], true
}
