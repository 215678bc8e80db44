package diagnosis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// planted is a log whose every line with a secret is a sign of a fault of its
// own, so that all of them are evidence, and a catalogue with those faults.
func planted(t *testing.T) (c *Catalogue, log string, secrets []string) {
	t.Helper()
	raw, err := os.ReadFile("../wolflog/testdata/secrets.txt")
	if err != nil {
		t.Fatal(err)
	}
	var faults []Fault
	var b strings.Builder
	b.WriteString("06:39:00.000000000 INFO  | Gstreamer version: 1.24.6-0\n06:39:01.000000000 DEBUG | 10.0.0.1 [GET] HTTPS://host/launch\n")
	b.WriteString("06:39:01.100000000 DEBUG | [API] Received request: POST /api/v1/pair?pin=8642&secret=plantedone - {}\n")
	b.WriteString("06:39:02.000000000 DEBUG | [PROCESS] Starting process: run --password=plantedtwo\n")
	b.WriteString("06:39:03.000000000 INFO  | [DOCKER] Starting container: /WolfDesktop_11761219281196748612\n")
	secrets = []string{"8642", "plantedone", "plantedtwo"}
	for i, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
		fields := strings.Split(line, "\t")
		sign := fmt.Sprintf("planted sign %02d;", i)
		fmt.Fprintf(&b, "06:40:%02d.000000000 ERROR | %s %s\n", i, sign, fields[0])
		// Of an element whose name has it as well.
		fmt.Fprintf(&b, "0:01:%02d.000000000 1 0x7fb7c0562e0 WARN a b.c:1:f:<encoder_11761219281196748612> %s %s\n", i, sign, fields[0])
		secrets = append(secrets, fields[1:]...)
		faults = append(faults, Fault{
			ID: fmt.Sprintf("planted-%02d", i), Name: "planted", Stage: "app", Severity: Critical,
			Signs: []Sign{{Literal: sign}}, Meaning: "m", Cure: "c",
		})
	}
	b.WriteString("06:41:00.000000000 INFO  | Succesfully paired 10.0.0.1\n")
	own, err := json.Marshal(faults)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = Load(own); err != nil {
		t.Fatal(err)
	}
	return c, b.String(), secrets
}

// TestNoPlantedSecretLeaves: in no form that the doctor writes.
func TestNoPlantedSecretLeaves(t *testing.T) {
	c, text, secrets := planted(t)
	good, err := os.ReadFile("testdata/seed/good.log")
	if err != nil {
		t.Fatal(err)
	}
	read := func(text string) *Diagnosis {
		l, err := c.Read(t.Context(), Source{"wolf.log", strings.NewReader(text)})
		if err != nil {
			t.Fatal(err)
		}
		return c.Diagnose(l)
	}
	d := read(text)
	forms := map[string]*bytes.Buffer{}
	form := func(name string) *bytes.Buffer {
		forms[name] = new(bytes.Buffer)
		return forms[name]
	}
	told := form("follow")
	_, err = c.Follow(t.Context(), func(l Link) { fmt.Fprintf(told, "%s %s %s\n", l.Sentence(), l.Text, l.Object) }, Source{"wolf.log", strings.NewReader(text)})
	compared, err2 := c.Compare(read(string(good)), d)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	svg, err3 := d.Picture().Encode("x.svg")
	form("picture").Write(svg)
	svg, err4 := compared.Picture().Encode("x.svg")
	form("picture of the comparison").Write(svg)
	svg, err5 := d.TrendPicture().Encode("x.svg")
	form("picture of the trend").Write(svg)
	if err := errors.Join(
		err3, err4, err5,
		d.WriteText(form("text"), true), d.WriteConclusion(form("conclusion"), false), d.WriteMarkdown(form("markdown")), d.WriteHTML(form("html")),
		json.NewEncoder(form("json")).Encode(d), compared.WriteMarkdown(form("comparison")), json.NewEncoder(form("comparison as json")).Encode(compared),
		d.Trend().WriteText(form("trend")), json.NewEncoder(form("trend as json")).Encode(d.Trend()),
	); err != nil {
		t.Fatal(err)
	}
	for name, out := range forms {
		if out.Len() == 0 {
			t.Errorf("%s: nothing", name)
		}
		for _, secret := range secrets {
			if i := bytes.Index(out.Bytes(), []byte(secret)); i >= 0 {
				t.Errorf("%s has %s: %q", name, secret, out.Bytes()[max(0, i-60):min(out.Len(), i+60)])
			}
		}
	}
	// The lines are there, without their secrets.
	for _, name := range []string{"text", "markdown", "html", "json", "comparison", "comparison as json"} {
		if n := strings.Count(forms[name].String(), "planted sign"); n < 10 {
			t.Errorf("%s shows %d of the lines: this test shows nothing", name, n)
		}
	}
}
