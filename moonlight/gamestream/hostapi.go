package gamestream

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
)

func (h *Host) serverInfo(r *request, caller *Caller) *answer {
	info := h.config.Backend.ServerInfo(r.ctx, caller)
	info.PairStatus = caller != nil
	if caller == nil {
		// A stranger has no need to wake the host, nor to know what is in it.
		info.MAC, info.MaxLumaPixelsH264, info.GPUType, info.GsVersion = "", 0, "", ""
	}
	if !info.LocalIP.IsValid() {
		info.LocalIP = r.local.Addr()
	}
	return info.answer()
}

func (h *Host) pairChallenge(r *request) *answer {
	if r.query.Get("phrase") != "pairchallenge" {
		return errorAnswer(errOutOfOrder).element("paired", "0")
	}
	return newAnswer().element("paired", "1")
}

func (h *Host) unpair(r *request, caller *Caller) *answer {
	if err := h.config.Paired.Remove(r.ctx, caller.ID); err != nil {
		return errorAnswer(err)
	}
	return newAnswer()
}

func (h *Host) appList(r *request, caller *Caller) *answer {
	apps, err := h.config.Backend.Apps(r.ctx, caller)
	if err != nil {
		return errorAnswer(err)
	}
	a := newAnswer()
	for _, app := range apps {
		if app.ID <= 0 || app.Title == "" {
			continue // one such entry makes clients refuse the list
		}
		a.open("App")
		a.flag("IsHdrSupported", app.HDR).element("AppTitle", app.Title).number("ID", int64(app.ID))
		a.close("App")
	}
	return a
}

func (h *Host) appAsset(r *request, caller *Caller) {
	id, err := parseAppID(r.query.Get("appid"))
	if err != nil {
		errorAnswer(err).send(r.writer)
		return
	}
	png, err := h.config.Backend.AppAsset(r.ctx, caller, id)
	if err != nil {
		errorAnswer(err).send(r.writer)
		return
	}
	allowAnswer(r.writer)
	r.writer.Header().Set("Content-Type", "image/png")
	r.writer.Header().Set("Content-Length", strconv.Itoa(len(png)))
	r.writer.WriteHeader(http.StatusOK)
	_, _ = r.writer.Write(png) // a client that went away reads nothing
}

// launch answers /launch and /resume, which differ by what they call and by the
// element that says that it went well.
func (h *Host) launch(r *request, caller *Caller,
	do func(context.Context, *Caller, LaunchRequest) (LaunchReply, error), done string,
) *answer {
	request, err := parseLaunch(r.query, done == "resume")
	if err != nil {
		return errorAnswer(err).element(done, "0")
	}
	reply, err := do(r.ctx, caller, request)
	if err != nil {
		return errorAnswer(err).element(done, "0")
	}
	return newAnswer().element("sessionUrl0", reply.SessionURL).element(done, "1")
}

func (h *Host) cancel(r *request, caller *Caller) *answer {
	if err := h.config.Backend.Cancel(r.ctx, caller); err != nil {
		return errorAnswer(err).element("cancel", "0")
	}
	return newAnswer().element("cancel", "1")
}

// answer writes all fields that clients look for.
func (i ServerInfo) answer() *answer {
	state := i.State
	if state == "" {
		state = StateFree
		if i.CurrentGame != 0 {
			state = StateBusy
		}
	}
	a := newAnswer().
		element("hostname", i.Hostname).
		element("appversion", first(i.AppVersion, AppVersion)).
		element("GfeVersion", first(i.GfeVersion, GfeVersion)).
		element("uniqueid", i.UniqueID).
		number("HttpsPort", int64(first(i.HTTPSPort, DefaultHTTPSPort))).
		number("ExternalPort", int64(first(i.ExternalPort, DefaultHTTPPort))).
		element("MaxLumaPixelsHEVC", strconv.FormatUint(i.MaxLumaPixelsHEVC, 10)).
		element("mac", first(i.MAC, "00:00:00:00:00:00")).
		element("LocalIP", localIP(i.LocalIP))
	if i.MaxLumaPixelsH264 != 0 {
		a.element("MaxLumaPixelsH264", strconv.FormatUint(i.MaxLumaPixelsH264, 10))
	}
	if i.ExternalIP.IsValid() {
		a.element("ExternalIP", i.ExternalIP.String())
	}
	a.number("ServerCodecModeSupport", int64(first(i.Codecs, CodecH264)))
	i.writeModes(a)
	if i.GPUType != "" {
		a.element("gputype", i.GPUType)
	}
	if i.GsVersion != "" {
		a.element("GsVersion", i.GsVersion)
	}
	return a.
		flag("PairStatus", i.PairStatus).
		number("currentgame", int64(i.CurrentGame)).
		element("state", state)
}

func (i ServerInfo) writeModes(a *answer) {
	if len(i.DisplayModes) == 0 {
		return
	}
	a.open("SupportedDisplayMode")
	for _, mode := range i.DisplayModes {
		a.open("DisplayMode")
		a.number("Width", int64(mode.Width)).number("Height", int64(mode.Height)).number("RefreshRate", int64(mode.RefreshRate))
		a.close("DisplayMode")
	}
	a.close("SupportedDisplayMode")
}

// localIP is what clients read as an IPv4 address; they ignore 127.*.
func localIP(addr netip.Addr) string {
	if addr = addr.Unmap(); addr.Is4() {
		return addr.String()
	}
	return "127.0.0.1"
}

// first is value, or standard where value is the zero value.
func first[T comparable](value, standard T) T {
	var zero T
	if value == zero {
		return standard
	}
	return value
}
