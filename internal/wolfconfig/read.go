package wolfconfig

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/kennel-stream/kennel/internal/config"
)

// Parse reads the text of a config.toml. name appears in errors: there is one
// only where the text is no TOML, or too long.
func Parse(name string, data []byte) (*File, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("read Wolf's configuration %s: it is larger than %d MiB; name its config.toml", name, MaxFile>>20)
	}
	document := map[string]any{}
	if err := toml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("read Wolf's configuration %s: %w; Wolf could not read it either", name, explain(err))
	}
	r := &reader{lines: config.KeyLines(data)}
	r.survey(document, "")
	f := &File{Version: r.version(document)}
	f.Hostname = r.hostname(document)
	f.UUID = r.uuid(document)
	f.Clients = r.clients(document)
	f.Encoders = r.encoders(document)
	f.Apps = r.apps(document)
	f.Profiles = profilesOf(f.Apps)
	f.Notes = gather(r.notes)
	return f, nil
}

func explain(err error) error {
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := wrong.Position()
		return fmt.Errorf("line %d, column %d: %s", line, column, strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	return err
}

// reader collects what is not honoured while a document is read.
type reader struct {
	lines map[string]int
	notes []Note
}

// note says what becomes of a path instead of what it asks for.
func (r *reader) note(path, why string, args ...any) {
	n := Note{Key: pattern(path), Why: fmt.Sprintf(why, args...)}
	for at := path; at != ""; at = at[:max(0, strings.LastIndexAny(at, ".["))] {
		if line, ok := r.lines[at]; ok {
			n.Lines = []int{line}
			break
		}
	}
	r.notes = append(r.notes, n)
}

// survey notes every key that is not used, by walking over all of them.
func (r *reader) survey(value any, path string) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			at := key
			if path != "" {
				at = path + "." + key
			}
			r.survey(value[key], at)
		}
		return
	case []any:
		if len(value) > 0 {
			if _, tables := value[0].(map[string]any); tables {
				for i, one := range value {
					r.survey(one, fmt.Sprintf("%s[%d]", path, i))
				}
				return
			}
		}
	}
	if t := treat(pattern(path)); !t.used && (t.same == nil || !t.same(value)) {
		r.note(path, "%s", t.why)
	}
}

func (r *reader) version(document map[string]any) int {
	v, ok := document["config_version"]
	if !ok {
		return 0
	}
	number, ok := v.(int64)
	switch {
	case !ok:
		r.note("config_version", "it is not a number")
		return 0
	case number > NewestVersion:
		r.note("config_version", "Kennel knows the versions up to %d: keys that are newer are listed as not known", NewestVersion)
	case number < OldestVersion:
		r.note("config_version", "Kennel knows the versions from %d on: keys that are older are listed as not known", OldestVersion)
	}
	return int(max(0, min(number, 1<<20)))
}

func (r *reader) hostname(document map[string]any) string {
	name := strings.TrimSpace(r.text(document, "", "hostname"))
	if name == "" {
		return ""
	}
	c := config.Default()
	if c.Hostname = name; c.Validate() != nil {
		r.note("hostname", "it is not 1 to 64 printable characters: the machine's name is shown")
		return ""
	}
	return name
}

// maxUUID bounds what Moonlight is told as the host's unique id.
const maxUUID = 64

func (r *reader) uuid(document map[string]any) string {
	id := r.text(document, "", "uuid")
	plain := func(c rune) bool {
		return c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	if len(id) > maxUUID || strings.IndexFunc(id, func(c rune) bool { return !plain(c) }) >= 0 {
		r.note("uuid", "it is no unique id: the host gets one of its own, and clients have to pair again")
		return ""
	}
	return id
}

func (r *reader) clients(document map[string]any) []Client {
	var all []Client
	seen := map[string]int{}
	for path, c := range r.tables(document, "", "paired_clients") {
		folder := r.folder(c, path)
		cert := []byte(strings.ReplaceAll(r.text(c, path, "client_cert"), "\r", ""))
		block, rest := pem.Decode(cert)
		if block == nil || block.Type != "CERTIFICATE" {
			r.note(path+".client_cert", "it is no certificate in PEM form: this client has to pair again")
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			r.note(path+".client_cert", "it is no certificate: this client has to pair again")
			continue
		}
		client := Client{CertPEM: cert, Folder: folder}
		if strings.TrimSpace(string(rest)) != "" {
			client.CertPEM = pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
		}
		if at, twice := seen[string(block.Bytes)]; twice {
			all[at] = client // as in Wolf, where the last pairing counts
			continue
		}
		seen[string(block.Bytes)] = len(all)
		all = append(all, client)
	}
	return all
}

// folder is where a client's apps keep their state.
func (r *reader) folder(c map[string]any, path string) string {
	folder := r.text(c, path, "app_state_folder")
	if folder != "" && !local(folder) {
		r.note(path+".app_state_folder", "it leads out of Wolf's state folder: this client's apps begin with a new state")
		return ""
	}
	return folder
}

// encoders is the order of the H.264 encoders, each once.
func (r *reader) encoders(document map[string]any) []string {
	names := map[string]string{
		"nvcodec": config.EncoderNVCodec, "va": config.EncoderVA, "vaapi": config.EncoderVA, "qsv": config.EncoderQSV,
		"x264": config.EncoderX264, "openh264": config.EncoderOpenH264,
	}
	var order []string
	video := r.table(r.table(document, "", "gstreamer"), "gstreamer", "video")
	for path, e := range r.tables(video, "gstreamer.video", "h264_encoders") {
		plugin := r.text(e, path, "plugin_name")
		name, known := names[plugin]
		switch {
		case !known:
			r.note(path+".plugin_name", "Kennel has no H.264 encoder %.40q", plugin)
		case !slices.Contains(order, name):
			order = append(order, name)
		}
	}
	if len(order) == 0 {
		return nil
	}
	// Whatever the file leaves out, software is what a host falls back to.
	for _, name := range []string{config.EncoderX264, config.EncoderOpenH264} {
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	return order
}
