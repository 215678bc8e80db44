package evidence

import (
	"fmt"
	"slices"
)

// Stage is a part of a session's life. The stages are listed in the order in
// which they usually end; independent ones run at the same time.
type Stage string

// The stages of a session, in order.
const (
	// StageAPI: an app was added or changed for this session.
	StageAPI Stage = "api"
	// StageLaunch: the client's /launch or /resume request was accepted.
	StageLaunch Stage = "launch"
	// StageDisplay: the session's Wayland display accepts clients.
	StageDisplay Stage = "display"
	// StageAudioSink: the session's sound server has its sink.
	StageAudioSink Stage = "audio_sink"
	// StageApp: the app was started.
	StageApp Stage = "app"
	// StageRTSP: the client negotiated the streams, up to PLAY.
	StageRTSP Stage = "rtsp"
	// StageAudioPipeline: sound is encoded.
	StageAudioPipeline Stage = "audio_pipeline"
	// StageVideoPipeline: pictures are encoded.
	StageVideoPipeline Stage = "video_pipeline"
	// StageControl: the client's ENet control link is connected.
	StageControl Stage = "control"
	// StageStreaming: the first picture was sent to the client.
	StageStreaming Stage = "streaming"
	// StageStop: everything that the session took is being given back.
	StageStop Stage = "stop"
)

// StageCount is how many stages there are.
const StageCount = 11

var stages = [StageCount]Stage{
	StageAPI, StageLaunch, StageDisplay, StageAudioSink, StageApp, StageRTSP,
	StageAudioPipeline, StageVideoPipeline, StageControl, StageStreaming, StageStop,
}

// Stages returns every stage in order.
func Stages() []Stage { return slices.Clone(stages[:]) }

// Index is the place of a stage among Stages, from 0; -1 for what is none.
func (s Stage) Index() int {
	switch s {
	case StageAPI:
		return 0
	case StageLaunch:
		return 1
	case StageDisplay:
		return 2
	case StageAudioSink:
		return 3
	case StageApp:
		return 4
	case StageRTSP:
		return 5
	case StageAudioPipeline:
		return 6
	case StageVideoPipeline:
		return 7
	case StageControl:
		return 8
	case StageStreaming:
		return 9
	case StageStop:
		return 10
	}
	return -1
}

// ParseStage returns the stage of that name.
func ParseStage(name string) (Stage, error) {
	if Stage(name).Index() < 0 {
		return "", fmt.Errorf("%q is not a stage: want one of %v", name, stages)
	}
	return Stage(name), nil
}
