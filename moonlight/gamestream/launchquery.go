package gamestream

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

const stereo = 3<<16 | 2 // surroundAudioInfo of front left and front right

// queryReader takes numbers out of a query and keeps the first error. An error
// names the parameter and never its value.
type queryReader struct {
	query url.Values
	err   error
}

func (q *queryReader) fail(name, want string) {
	if q.err == nil {
		q.err = &StatusError{StatusBadRequest, fmt.Sprintf("The parameter %s is missing or wrong: %s.", name, want)}
	}
}

// number reads a decimal in a range; standard where the parameter is absent.
func (q *queryReader) number(name string, low, high, standard int64) int64 {
	text := q.query.Get(name)
	if text == "" {
		return standard
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value < low || value > high {
		q.fail(name, fmt.Sprintf("a number from %d to %d is needed", low, high))
		return standard
	}
	return value
}

// hint reads a number that a launch can do without. Hosts of other makes take
// whatever clients send here, so this does, too: a number out of range counts as
// the nearest in it, and what is no number as standard.
func (q *queryReader) hint(name string, low, high, standard int64) int64 {
	value, err := strconv.ParseInt(q.query.Get(name), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return standard
	}
	return min(max(value, low), high) // of ErrRange, ParseInt gives the nearest
}

// flag is any number but 0, or true.
func (q *queryReader) flag(name string) bool {
	return q.hint(name, 0, 1, 0) == 1 || q.hint(name, -1, 0, 0) == -1 || strings.EqualFold(q.query.Get(name), "true")
}

// mask reads 32 bits, which some clients print signed.
func (q *queryReader) mask(name string) uint32 { return uint32(q.hint(name, -1<<31, 1<<32-1, 0)) }

// parseLaunch reads the query of /launch, or of /resume. In a resume appid means
// nothing, as the client's session has its app, and mode may be absent.
func parseLaunch(query url.Values, resume bool) (LaunchRequest, error) {
	q := &queryReader{query: query}
	request := LaunchRequest{
		OptimizeSettings:   q.flag("sops"),
		PlayOnHost:         q.flag("localAudioPlayMode"),
		SurroundParams:     query.Get("surroundParams"),
		ContinuousAudio:    q.flag("continuousAudio"),
		Controllers:        q.mask("remoteControllersBitmap"),
		InitialControllers: q.mask("gcmap"),
		PersistControllers: q.flag("gcpersist"),
		CoreVersion:        int(q.hint("corever", 0, maxCoreVersion, 0)),
		HDR:                q.flag("hdrMode"),
	}
	if len(request.SurroundParams) > maxNameBytes {
		request.SurroundParams = "" // only a hint, too
	}
	if resume {
		request.AppID = int32(q.hint("appid", 0, 1<<31-1, 0))
	} else if request.AppID = int32(q.number("appid", 1, 1<<31-1, 0)); request.AppID == 0 {
		q.fail("appid", "a number from 1 to 2147483647 is needed")
	}
	q.readKey(&request)
	q.readMode(&request, resume)
	q.readSurround(&request)
	return request, q.err
}

func (q *queryReader) readKey(request *LaunchRequest) {
	key, err := decodeHex(q.query.Get("rikey"), len(request.Key))
	if err != nil {
		q.fail("rikey", "32 hex digits are needed")
		return
	}
	request.Key = SessionKey(key)
	if q.query.Get("rikeyid") == "" {
		q.fail("rikeyid", "a 32 bit number is needed")
	}
	// Signed or not, the same four bytes are meant.
	request.KeyID = int32(q.number("rikeyid", -1<<31, 1<<32-1, 0))
}

func (q *queryReader) readMode(request *LaunchRequest, resume bool) {
	text := q.query.Get("mode")
	if text == "" && resume {
		return
	}
	var numbers [3]int
	parts := strings.Split(text, "x")
	limits := [3][2]int{{MinDimension, MaxDimension}, {MinDimension, MaxDimension}, {0, MaxFPS}}
	for i := range numbers {
		if len(parts) != len(numbers) {
			q.fail("mode", "WIDTHxHEIGHTxFPS is needed")
			return
		}
		value, err := strconv.Atoi(parts[i])
		if err != nil || value < limits[i][0] || value > limits[i][1] {
			q.fail("mode", fmt.Sprintf("WIDTHxHEIGHTxFPS is needed, width and height from %d to %d, at most %d frames per second",
				MinDimension, MaxDimension, MaxFPS))
			return
		}
		numbers[i] = value
	}
	// Clients that take the host for NVIDIA's send 0 for every rate above 60, and
	// the rate itself in ANNOUNCE.
	request.Width, request.Height, request.FPS = numbers[0], numbers[1], cmp.Or(numbers[2], unknownFPS)
}

// unknownFPS stands for a rate of 0 until ANNOUNCE brings the rate.
const unknownFPS = 60

// readSurround takes channels that no client can have for stereo: ANNOUNCE says
// what is streamed.
func (q *queryReader) readSurround(request *LaunchRequest) {
	info := uint32(q.hint("surroundAudioInfo", -1<<31, 1<<32-1, stereo))
	if c := info & 0xffff; c != 2 && c != 6 && c != 8 {
		info = stereo
	}
	request.Channels, request.ChannelMask = int(info&0xffff), uint16(info>>16)
}

// query is the client's side of parseLaunch.
func (l LaunchRequest) query() url.Values {
	values := url.Values{}
	number := func(name string, value int64) { values.Set(name, strconv.FormatInt(value, 10)) }
	flag := func(name string, set bool) {
		if set {
			values.Set(name, "1")
		} else {
			values.Set(name, "0")
		}
	}
	number("appid", int64(l.AppID))
	values.Set("mode", fmt.Sprintf("%dx%dx%d", l.Width, l.Height, l.FPS))
	number("additionalStates", 1)
	flag("sops", l.OptimizeSettings)
	values.Set("rikey", hex.EncodeToString(l.Key[:]))
	number("rikeyid", int64(l.KeyID))
	flag("localAudioPlayMode", l.PlayOnHost)
	info := int64(l.ChannelMask)<<16 | int64(l.Channels)
	if info == 0 {
		info = stereo
	}
	number("surroundAudioInfo", info)
	number("remoteControllersBitmap", int64(l.Controllers))
	number("gcmap", int64(l.InitialControllers))
	flag("gcpersist", l.PersistControllers)
	number("corever", int64(l.CoreVersion))
	if l.SurroundParams != "" {
		values.Set("surroundParams", l.SurroundParams)
	}
	if l.ContinuousAudio {
		values.Set("continuousAudio", "1")
	}
	if l.HDR {
		values.Set("hdrMode", "1")
		number("clientHdrCapVersion", 0)
		number("clientHdrCapSupportedFlagsInUint32", 0)
		values.Set("clientHdrCapMetaDataId", "NV_STATIC_METADATA_TYPE_1")
		values.Set("clientHdrCapDisplayData", "0x0x0x0x0x0x0x0x0x0x0")
	}
	return values
}

func parseAppID(text string) (int32, error) {
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil || id <= 0 {
		return 0, &StatusError{StatusBadRequest, "The parameter appid is missing or wrong: a number from 1 to 2147483647 is needed."}
	}
	return int32(id), nil
}
