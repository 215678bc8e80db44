package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a file may hold.
const (
	maxWord   = 64   // bytes of a slug, a host name, a user
	maxTitle  = 128  // bytes of an app's title
	maxString = 4096 // bytes of a path, an argument, a variable
	maxList   = 1024 // entries of any list
	maxApps   = 512
	maxSlug   = maxWord
)

// Validate checks every value. Load and Parse have done so already; call it
// after changing fields, for instance from flags. The error is an *Error.
func (c Config) Validate() error {
	var found problems
	if c.Version != Version {
		found.addf("version", "%d is not a version that this kennel reads; it reads version %d", c.Version, Version)
	}
	c.check(&found)
	return found.err("")
}

func (c Config) check(found *problems) {
	if message := checkHostname(c.Hostname); message != "" {
		found.add("hostname", message)
	}
	c.checkPorts(found)
	c.checkAddresses(found)
	c.Discovery.check(found)
	found.oneOf("log.format", c.Log.Format, FormatText, FormatJSON)
	found.oneOf("log.level", c.Log.Level, LevelDebug, LevelInfo, LevelWarn, LevelError)
	c.Limits.check(found)
	found.oneOf("display.dmabuf", c.Display.DMABuf, DMABufAuto, DMABufOn, DMABufOff)
	c.Video.check(found)
	if server := c.Audio.Server; server != "" && server != AudioOff {
		found.absolute("audio.server", server)
	}
	found.oneOf("rtsp.encryption", c.RTSP.Encryption, EncryptionOptional, EncryptionOff)
	c.Process.check(found)
	if c.Docker.Socket != "" {
		found.absolute("docker.socket", c.Docker.Socket)
	}
	if c.Wolf.Socket != "" {
		found.absolute("wolf.socket", c.Wolf.Socket)
	}
	if g := c.Wolf.Group; len(g) > maxWord || !printable(g) || strings.ContainsAny(g, ":/ ") {
		found.addf("wolf.group", "%q is not the name of a group; leave it out for root and the host's own user alone", clip(g))
	}
	c.Wolf.checkProfiles(found)
	found.lasting("health.canary_interval", c.Health.CanaryInterval, 0, 24*time.Hour)
	if len(c.Apps) > maxApps {
		found.addf("apps", "has %d apps; at most %d are allowed", len(c.Apps), maxApps)
		return
	}
	for i, app := range c.Apps {
		app.check(fmt.Sprintf("apps[%d]", i), found)
	}
	checkUnique(c.Apps, found)
}

func checkHostname(name string) string {
	if name == "" || len(name) > maxWord || !printable(name) {
		return fmt.Sprintf("%q is not a host name; write 1 to %d printable characters", clip(name), maxWord)
	}
	return ""
}

func (c Config) checkPorts(found *problems) {
	before := len(found.list)
	low, high := 1-httpsOffset, 65535-rtspOffset
	if c.Ports.Base < low || c.Ports.Base > high {
		found.addf("ports.base", "%d is not a base port; use %d to %d, because the ports reach from base%d to base+%d",
			c.Ports.Base, low, high, httpsOffset, rtspOffset)
	}
	set := PortPlan{c.Ports.HTTP, c.Ports.HTTPS, c.Ports.RTSP, c.Ports.Video, c.Ports.Control, c.Ports.Audio}
	told := PortPlan{c.Announce.HTTP, c.Announce.HTTPS, c.Announce.RTSP, c.Announce.Video, c.Announce.Control, c.Announce.Audio}
	set.inRange("ports", "count from ports.base", found)
	told.inRange("announce", "announce the port that is bound", found)
	if len(found.list) > before {
		return
	}
	bound := c.Ports.Plan()
	bound.conflicts("ports", found.add)
	if len(found.list) == before {
		c.Announce.Plan(bound).conflicts("announce", found.add)
	}
}

func (p PortPlan) inRange(table, zero string, found *problems) {
	for _, port := range slices.Concat(p.tcp(), p.udp()) {
		if port.number < 0 || port.number > 65535 {
			found.addf(table+"."+port.key, "%d is not a port; use 1 to 65535, or 0 to %s", port.number, zero)
		}
	}
}

func (c Config) checkAddresses(found *problems) {
	if a := c.Listen.Address; a != "" {
		if _, err := netip.ParseAddr(a); err != nil {
			found.addf("listen.address", "%q is not an IP address; write one such as \"127.0.0.1\", or \"\" for all", clip(a))
		}
	}
	if a := c.Announce.Address; a != "" && !hostAddress(a) {
		found.addf("announce.address", "%q is neither an IP address nor a host name without a port", clip(a))
	}
}

// hostAddress accepts an IP address or a DNS name.
func hostAddress(a string) bool {
	if _, err := netip.ParseAddr(a); err == nil {
		return true
	}
	if len(a) > 253 {
		return false
	}
	for label := range strings.SplitSeq(a, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label {
			return false
		}
		for _, r := range label {
			if !slugRune(r) && (r < 'A' || r > 'Z') {
				return false
			}
		}
	}
	return true
}

// maxInterface is the kernel's bound of an interface's name in bytes.
const maxInterface = 15

func (d Discovery) check(found *problems) {
	found.oneOf("discovery.mdns", d.MDNS, MDNSAuto, MDNSOff)
	for i, pattern := range d.Interfaces {
		if pattern == "" || len(pattern) > maxInterface || strings.ContainsAny(pattern, "/ ?[]\\") || !printable(pattern) {
			found.addf(fmt.Sprintf("discovery.interfaces[%d]", i), "%q is not the name of an interface; write one such as \"eth0\", or \"eth*\" for all that begin so", clip(pattern))
		}
	}
}

func (l Limits) check(found *problems) {
	found.between("limits.sessions", l.Sessions, 0, 10000)
	found.between("limits.width", l.Width, 64, 16384)
	found.between("limits.height", l.Height, 64, 16384)
	found.between("limits.fps", l.FPS, 1, 1000)
	found.lasting("limits.launch_timeout", l.LaunchTimeout, time.Second, 10*time.Minute)
	found.lasting("limits.connect_timeout", l.ConnectTimeout, time.Second, 10*time.Minute)
	found.lasting("limits.client_timeout", l.ClientTimeout, time.Second, 10*time.Minute)
	found.lasting("limits.pair_timeout", l.PairTimeout, time.Second, time.Hour)
	found.lasting("limits.stop_timeout", l.StopTimeout, 0, 10*time.Minute)
	found.lasting("limits.lease", l.Lease, time.Second, 30*24*time.Hour)
	if l.Cores != -1 && (l.Cores < 0 || l.Cores > 4096 || l.Cores != l.Cores) {
		found.addf("limits.cores", "%v is not a number of cores; use 0 for all of the machine, or -1 for no limit", l.Cores)
	}
	found.between("limits.memory_reserve_mib", l.MemoryReserveMiB, 0, 1<<24)
	found.between("limits.gpu_memory_reserve_mib", l.GPUMemoryReserveMiB, 0, 1<<24)
	found.between("limits.gpu_files", l.GPUFiles, 0, 1<<20)
	found.between("limits.nvenc_sessions", l.NVENCSessions, 0, 1<<10)
	found.between("limits.history", l.History, 0, 1_000_000)
	found.lasting("limits.idle", l.Idle, 0, 30*24*time.Hour)
}

func (v Video) check(found *problems) {
	if len(v.Encoders) == 0 {
		found.addf("video.encoders", "is empty; name at least one of %s", strings.Join(Encoders(), ", "))
	}
	for i, name := range v.Encoders {
		path := fmt.Sprintf("video.encoders[%d]", i)
		found.oneOf(path, name, Encoders()...)
		if slices.Contains(v.Encoders[:i], name) {
			found.addf(path, "%q is named twice; each encoder has one place in the ladder", clip(name))
		}
	}
	found.between("video.fec_percent", v.FECPercent, 0, 100)
	found.between("video.bitrate_max_kbps", v.BitrateMaxKbps, 0, 1_000_000)
	found.oneOf("video.encryption", v.Encryption, EncryptionPreferred, EncryptionRequired, EncryptionOptional, EncryptionOff)
}

func (p Process) check(found *problems) {
	const lastUID = 1<<31 - 2 // beyond it lie ids that tools read as signed or as "none"
	found.between("process.uid_first", p.UIDFirst, 1, lastUID)
	found.between("process.uid_count", p.UIDCount, 1, 100_000)
	if p.UIDFirst > 0 && p.UIDCount > 0 && p.UIDFirst > lastUID-p.UIDCount+1 {
		found.addf("process.uid_count", "%d user ids from %d on pass the last one, %d", p.UIDCount, p.UIDFirst, lastUID)
	}
	found.oneOf("process.cgroup", p.Cgroup, CgroupAuto, CgroupOff)
	found.oneOf("process.isolation", p.Isolation, IsolationAuto, IsolationRequired, IsolationOff)
}

func (p *problems) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		p.addf(path, "%q is not allowed; use %s", clip(value), alternatives(allowed))
	}
}

func (p *problems) between(path string, value, low, high int) {
	if value < low || value > high {
		p.addf(path, "%d is out of range; use %d to %d", value, low, high)
	}
}

func (p *problems) lasting(path string, value Duration, low, high time.Duration) {
	if value.Std() < low || value.Std() > high {
		p.addf(path, "%s is out of range; use %q to %q", value, low.String(), high.String())
	}
}

func alternatives(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = fmt.Sprintf("%q", word)
	}
	if len(quoted) == 1 {
		return quoted[0]
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// printable holds for valid UTF-8 without control characters or line breaks.
func printable(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// maxProfiles bounds the profiles of Wolf's API.
const maxProfiles = 256

func (w Wolf) checkProfiles(found *problems) {
	if len(w.Profiles) > maxProfiles {
		found.addf("wolf.profiles", "has %d profiles; at most %d are allowed", len(w.Profiles), maxProfiles)
		return
	}
	seen := map[string]bool{}
	for i, p := range w.Profiles {
		at := fmt.Sprintf("wolf.profiles[%d]", i)
		switch {
		case p.ID == "" || len(p.ID) > maxTitle || !printable(p.ID):
			found.addf(at+".id", "%q is not 1 to %d printable characters", clip(p.ID), maxTitle)
		case seen[p.ID]:
			found.addf(at+".id", "%q is another profile's, too; give each its own", clip(p.ID))
		}
		seen[p.ID] = true
		if len(p.Name) > maxTitle || !printable(p.Name) {
			found.addf(at+".name", "%q is not up to %d printable characters", clip(p.Name), maxTitle)
		}
		if len(p.Apps) > maxList {
			found.addf(at+".apps", "has %d entries; at most %d are allowed", len(p.Apps), maxList)
		}
		for j, slug := range p.Apps[:min(len(p.Apps), maxList)] {
			if !validSlug(slug) {
				found.addf(fmt.Sprintf("%s.apps[%d]", at, j), "%q is no slug; write that of an app, as kennel apps prints it", clip(slug))
			}
		}
	}
}
