package pulse

import (
	"fmt"
	"time"

	"github.com/jfreymuth/pulse/proto"
)

// bytesOf is the size of that much sound of a number of channels.
func bytesOf(d time.Duration, channels int) uint32 {
	return uint32(int(d*Rate/time.Second) * channels * SampleBytes)
}

// full is the volume at which samples stay as they are (PA_VOLUME_NORM).
func full(channels int) proto.ChannelVolumes {
	volumes := make(proto.ChannelVolumes, channels)
	for i := range volumes {
		volumes[i] = 0x10000
	}
	return volumes
}

// Record records from a source, which is remixed to the channels. each is
// called on one goroutine, whenever a fragment is there, with data that is valid
// during the call; it must not block.
func (c *Client) Record(source string, channels int, fragment time.Duration, each func(pcm []byte)) error {
	spec, order, err := layout(channels)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	// Data may come before the answer that names the stream.
	c.mu.Lock()
	c.record[0] = each
	c.mu.Unlock()
	var reply proto.CreateRecordStreamReply
	err = c.proto.Request(&proto.CreateRecordStream{
		SampleSpec: spec, ChannelMap: order, SourceIndex: proto.Undefined, SourceName: source,
		BufferMaxLength: proto.Undefined, BufferFragSize: bytesOf(fragment, channels), AdjustLatency: true,
		DirectOnInputIndex: proto.Undefined, NoMove: true, ChannelVolumes: full(channels),
		Properties: proto.PropList{"media.name": proto.PropListString("record")},
	}, &reply)
	if err != nil {
		return fmt.Errorf("record from %s: %w", source, err)
	}
	c.mu.Lock()
	c.record[reply.StreamIndex] = each
	c.mu.Unlock()
	return nil
}

// Playback is a stream that plays.
type Playback struct {
	c     *Client
	index uint32
}

// Play plays on a sink. wanted is called, on one goroutine, with the number of
// bytes that the server can take now; it must not block.
func (c *Client) Play(sink string, channels int, latency time.Duration, wanted func(bytes int)) (*Playback, error) {
	spec, order, err := layout(channels)
	if err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	c.mu.Lock()
	c.wanted[0] = wanted
	c.mu.Unlock()
	var reply proto.CreatePlaybackStreamReply
	err = c.proto.Request(&proto.CreatePlaybackStream{
		SampleSpec: spec, ChannelMap: order, SinkIndex: proto.Undefined, SinkName: sink,
		BufferMaxLength: proto.Undefined, BufferTargetLength: bytesOf(latency, channels),
		BufferPrebufferLength: 0, BufferMinimumRequest: bytesOf(latency/4, channels), AdjustLatency: true,
		ChannelVolumes: full(channels), Properties: proto.PropList{"media.name": proto.PropListString("play")},
	}, &reply)
	if err != nil {
		return nil, fmt.Errorf("play on %s: %w", sink, err)
	}
	c.mu.Lock()
	c.wanted[reply.StreamIndex] = wanted
	c.mu.Unlock()
	wanted(int(reply.Missing))
	return &Playback{c, reply.StreamIndex}, nil
}

// Write plays what follows on what was written before.
func (p *Playback) Write(pcm []byte) error {
	if err := p.c.proto.Send(p.index, pcm); err != nil {
		return fmt.Errorf("play: %w", err)
	}
	return nil
}

// Delay is how long from now a sample that is written now will be heard.
func (p *Playback) Delay(channels int) (time.Duration, error) {
	var reply proto.GetPlaybackLatencyReply
	if err := p.c.proto.Request(&proto.GetPlaybackLatency{StreamIndex: p.index}, &reply); err != nil {
		return 0, fmt.Errorf("ask for the latency: %w", err)
	}
	queued := time.Duration(reply.WriteIndex-reply.ReadIndex) * time.Second / time.Duration(Rate*channels*SampleBytes)
	return max(0, queued) + time.Duration(reply.Latency)*time.Microsecond, nil
}
