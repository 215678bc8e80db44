package gamestream

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Busy tells whether an app runs: CurrentGame means nothing otherwise.
func (i ServerInfo) Busy() bool { return strings.HasSuffix(i.State, "_SERVER_BUSY") }

// parseServerInfo reads /serverinfo. Like libgamestream it insists on the four
// fields that every host sends.
func parseServerInfo(root *element) (ServerInfo, error) {
	for _, name := range []string{"currentgame", "PairStatus", "appversion", "state"} {
		if root.get(name) == "" {
			return ServerInfo{}, fmt.Errorf("%w: serverinfo without %s", ErrMalformed, name)
		}
	}
	info := ServerInfo{
		Hostname:     printable(root.get("hostname")),
		AppVersion:   printable(root.get("appversion")),
		GfeVersion:   printable(root.get("GfeVersion")),
		UniqueID:     printable(root.get("uniqueid")),
		HTTPSPort:    uint16(root.number("HttpsPort", 0, 1<<16-1)),
		ExternalPort: uint16(root.number("ExternalPort", 0, 1<<16-1)),
		ExternalIP:   parseAddr(root.get("ExternalIP")),
		LocalIP:      parseAddr(root.get("LocalIP")),
		MAC:          printable(root.get("mac")),
		Codecs:       CodecMask(root.number("ServerCodecModeSupport", 0, 1<<32-1)),
		PairStatus:   root.get("PairStatus") == "1",
		CurrentGame:  int32(root.number("currentgame", 0, 1<<31-1)),
		State:        printable(root.get("state")),
		DisplayModes: parseModes(root.find("SupportedDisplayMode")),
		GPUType:      printable(root.get("gputype")),
		GsVersion:    printable(root.get("GsVersion")),
	}
	info.MaxLumaPixelsHEVC, _ = strconv.ParseUint(root.get("MaxLumaPixelsHEVC"), 10, 64)
	info.MaxLumaPixelsH264, _ = strconv.ParseUint(root.get("MaxLumaPixelsH264"), 10, 64)
	if info.Codecs == 0 {
		info.Codecs = CodecH264
	}
	if !info.Busy() {
		info.CurrentGame = 0
	}
	return info, nil
}

// majorVersion is the first number of appversion, 0 where there is none.
func (i ServerInfo) majorVersion() int {
	text, _, _ := strings.Cut(i.AppVersion, ".")
	major, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return major
}

func parseAddr(text string) netip.Addr {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr
}

func parseModes(list *element) []DisplayMode {
	if list == nil {
		return nil
	}
	var modes []DisplayMode
	for _, e := range list.children {
		mode := DisplayMode{
			Width:       int(e.number("Width", 1, 1<<16)),
			Height:      int(e.number("Height", 1, 1<<16)),
			RefreshRate: int(e.number("RefreshRate", 1, 1<<16)),
		}
		if e.name == "DisplayMode" && mode.Width > 0 && mode.Height > 0 && mode.RefreshRate > 0 {
			modes = append(modes, mode)
		}
	}
	return modes
}

// parseApps reads /applist. An App without ID or title spoils the list, as it
// does for real clients.
func parseApps(root *element) ([]App, error) {
	var apps []App
	for _, e := range root.children {
		if e.name != "App" {
			continue
		}
		app := App{
			ID:    int32(e.number("ID", 1, 1<<31-1)),
			Title: printable(e.get("AppTitle")),
			HDR:   e.get("IsHdrSupported") == "1",
		}
		if app.ID == 0 || app.Title == "" {
			return nil, fmt.Errorf("%w: an app without ID or AppTitle", ErrMalformed)
		}
		apps = append(apps, app)
	}
	return apps, nil
}
