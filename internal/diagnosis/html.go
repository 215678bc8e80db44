package diagnosis

import (
	"fmt"
	"html/template"
	"io"
	"time"
)

// page is one self-contained file: no script, nothing from elsewhere.
var page = template.Must(template.New("report").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Diagnosis: {{.D.Verdict}}</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f2a;background:#fff}
@media(prefers-color-scheme:dark){body{color:#e6e9ef;background:#161a23}}
h1{font-size:1.6rem}code{font-size:.9em;overflow-wrap:anywhere}table{border-collapse:collapse}
td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}.fault{color:#d0434b}.ok{color:#2e9e6b}.inconclusive{color:#c98a1b}
.faint{opacity:.65}svg{width:100%;height:auto}
</style></head><body>
<h1 class="{{.D.Verdict}}">{{.Title}}</h1>
{{range .D.Candidates}}<p><b>{{.Name}}</b> (<code>{{.ID}}</code>), {{.Since}}, <code>{{.Place}}</code>. Confidence: {{.Confidence}}.</p>
<p>{{.Reading}}</p><p><b>Do now:</b> {{.Cure}}{{if eq .RestartHelps "yes"}} A restart of Wolf helps, until it happens again.{{end}}</p>
<ul>{{range .For}}<li>for: {{.}}</li>{{end}}{{range .Against}}<li>against: {{.}}</li>{{end}}</ul>{{end}}
{{if .Bars}}<h2>Timeline</h2><svg viewBox="0 0 960 {{.Height}}" role="img" aria-label="stages of session {{.Ordinal}}">
{{range .Bars}}<text x="0" y="{{.Y}}" font-size="15" fill="currentColor">{{.Stage}}</text>
<circle cx="{{.X}}" cy="{{.CY}}" r="6" fill="{{.Colour}}"/><text x="{{.TextX}}" y="{{.Y}}" font-size="13" fill="currentColor" text-anchor="{{.Anchor}}">{{.Label}}</text>{{end}}
<line x1="150" y1="{{.Axis}}" x2="900" y2="{{.Axis}}" stroke="currentColor" opacity=".4"/></svg>{{end}}
{{if .D.Chain}}<h2>From the first sign to the end</h2><table>{{range .D.Chain}}
<tr><td>{{.At.Format "15:04:05.000"}}</td><td><b>{{.Name}}</b><br><code>{{.Text}}</code><br><span class="faint">{{.Place}}{{range .EffectOf}}, effect of {{.}}{{end}}</span></td></tr>{{end}}</table>{{end}}
{{if .D.Sessions}}<h2>Sessions</h2><table><tr><th>Session</th><th>Began</th><th>Display</th><th>End</th><th>Verdict</th></tr>{{range .D.Sessions}}
<tr><td>{{.Ordinal}}</td><td>{{.Began.Format "15:04:05"}}</td><td>{{.Display}}</td><td>{{.End}}</td><td class="{{.Verdict}}">{{.Verdict}}{{with .Root}} {{.}}{{end}}</td></tr>{{end}}</table>{{end}}
{{if .D.Notes}}<h2>Also seen</h2><ul>{{range .D.Notes}}<li>{{.Name}} (<code>{{.Fault}}</code>, {{.Severity}}): <code>{{.Text}}</code></li>{{end}}</ul>{{end}}
<p class="faint">{{.D.Lines}} lines of {{range .D.Files}}<code>{{.}}</code> {{end}}</p>
</body></html>
`))

// bar is a stage on the drawn timeline.
type bar struct {
	Stage, Label, Colour, Anchor string
	X, Y, CY, TextX              int
}

// WriteHTML writes the report as one self-contained file with a drawn timeline.
func (d *Diagnosis) WriteHTML(w io.Writer) error {
	data := struct {
		D                     *Diagnosis
		Title                 string
		Bars                  []bar
		Height, Axis, Ordinal int
	}{D: d, Title: map[string]string{OK: "Nothing wrong is to be seen", Faulty: "Something broke", Inconclusive: d.unsure()}[d.Verdict]}
	if s := d.session(d.last()); s != nil {
		data.Bars, data.Ordinal = s.draw(), s.Ordinal
		data.Height, data.Axis = 30*len(data.Bars)+20, 30*len(data.Bars)+8
	}
	if err := page.Execute(w, data); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// draw places the stages with a time on a line from the first to the last.
func (s *Session) draw() (bars []bar) {
	first, last := s.Began, s.Began
	for _, r := range s.Stages {
		if r.At.After(last) {
			last = r.At
		}
	}
	span := max(last.Sub(first), time.Millisecond)
	for _, r := range s.Stages {
		if r.At.IsZero() {
			continue
		}
		y := 30*len(bars) + 20
		b := bar{Stage: string(r.Stage), X: 150 + int(750*r.At.Sub(first)/span), Y: y, CY: y - 5, Colour: "#2e9e6b", Anchor: "start"}
		if r.State == Failed {
			b.Colour = "#d0434b"
		}
		b.Label = fmt.Sprintf("+%.3f s", r.At.Sub(first).Seconds())
		if r.State == Failed && r.Detail != "" {
			b.Label += " " + r.Detail
		}
		if b.TextX = b.X + 12; b.X > 600 {
			b.TextX, b.Anchor = b.X-12, "end"
		}
		bars = append(bars, b)
	}
	return bars
}
