package gamestream

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

func TestGoldenAnswers(t *testing.T) {
	golden(t, "serverinfo-free.xml", ServerInfo{Hostname: "kennel", UniqueID: "c7f6d5e4"}.answer().bytes())
	golden(t, "serverinfo-busy.xml", ServerInfo{
		Hostname: `a<b>&"c"` + "\x00\n", UniqueID: "c7f6d5e4", HTTPSPort: 40000, ExternalPort: 40005,
		ExternalIP: netip.MustParseAddr("192.0.2.1"), LocalIP: netip.MustParseAddr("2001:db8::1"), MAC: "02:00:00:00:00:01",
		MaxLumaPixelsHEVC: MaxLumaPixelsHEVC, Codecs: CodecH264 | CodecHEVC | CodecAV1Main10, PairStatus: true, CurrentGame: 7,
		DisplayModes: []DisplayMode{{1280, 720, 60}, {3840, 2160, 120}}, GPUType: "none", GsVersion: "1",
	}.answer().bytes())
	golden(t, "error.xml", errorAnswer(&StatusError{503, `The encoder "x264" is missing`}).element("gamesession", "0").bytes())
}

func TestParseDocumentIsTolerant(t *testing.T) {
	body := "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n<!-- x --><root  status_message='' status_code=\"200\" new=\"1\">\n" +
		" <hostname> caf\xe9 </hostname>\n<unknown><deep>1</deep></unknown><PairStatus>0</PairStatus><currentgame>5</currentgame>" +
		"<appversion>7.1.431.-1</appversion><state>X_SERVER_FREE</state></root>\n"
	d, err := parseDocument([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	info, err := parseServerInfo(d.root)
	if err != nil || info.Hostname != "caf?" || info.CurrentGame != 0 || info.majorVersion() != 7 || info.Codecs != CodecH264 {
		t.Errorf("got %+v, %v", info, err)
	}
}

func TestParseDocumentRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"empty":          "",
		"not XML":        "<html",
		"another root":   "<html></html>",
		"two roots":      "<root status_code='200'/><root status_code='200'/>",
		"cut short":      "<root status_code='200'><App>",
		"deep":           strings.Repeat("<root>", maxDepth+1) + strings.Repeat("</root>", maxDepth+1),
		"many":           "<root>" + strings.Repeat("<a/>", maxTokens) + "</root>",
		"huge":           "<root>" + strings.Repeat(" ", maxXMLBytes) + "</root>",
		"status no code": "<root status_code='fine'/>",
	} {
		if _, err := parseDocument([]byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatusOfDocument(t *testing.T) {
	for body, code := range map[string]int{
		"<root status_code='200'/>":        200,
		"<root status_code='401'/>":        401,
		"<root status_code='4294967295'/>": -1,
		"<root/>":                          0,
	} {
		d, err := parseDocument([]byte(body))
		if err != nil || d.status.Code != code || (d.err() == nil) != (code == 200) {
			t.Errorf("%s: %+v, %v", body, d, err)
		}
	}
}

func TestParseAppsRefusesHalfApps(t *testing.T) {
	for _, body := range []string{
		"<App><AppTitle>x</AppTitle></App>",
		"<App><ID>1</ID></App>",
		"<App><ID>-1</ID><AppTitle>x</AppTitle></App>",
		"<App><ID>99999999999</ID><AppTitle>x</AppTitle></App>",
	} {
		d, err := parseDocument([]byte("<root status_code='200'>" + body + "</root>"))
		if err != nil {
			t.Fatal(err)
		}
		if apps, err := parseApps(d.root); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", body, apps, err)
		}
	}
}
