package diagnosis

import (
	"fmt"
	"html/template"
	"io"

	"github.com/kennel-stream/kennel/internal/escape"
)

// page is one self-contained file: no script, nothing from elsewhere.
var page = template.Must(template.New("report").Funcs(template.FuncMap{"stamp": stamp}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>{{.Title}}</title><style>
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f2a;--faint:#667080;--grid:#d5dae2;--band:#f4f6f9;--good:#23875a;--bad:#c93a42;--unsure:#b27712;--plain:#2b6cb0}
@media(prefers-color-scheme:dark){:root{--paper:#161a23;--ink:#e6e9ef;--faint:#98a2b3;--grid:#333a48;--band:#1e2430;--good:#4cc38a;--bad:#ff6b70;--unsure:#e5b04c;--plain:#6cb0f5}}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1.2rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
code{font:.86em/1.45 ui-monospace,monospace;overflow-wrap:anywhere}
.fault{color:var(--bad)}.ok{color:var(--good)}.inconclusive{color:var(--unsure)}.faint{color:var(--faint)}
.card{border-left:4px solid var(--bad);background:var(--band);padding:.9rem 1.2rem;margin:1rem 0;border-radius:0 6px 6px 0}
.card.fault,.card.inconclusive{color:inherit}.card.inconclusive{border-color:var(--unsure)}
.card p{margin:.35rem 0}.card ul{margin:.35rem 0;padding-left:1.2rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}td,th{padding:.4rem .8rem .4rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid)}
th{font-size:.85rem;color:var(--faint);font-weight:600}td.when{white-space:nowrap;font-variant-numeric:tabular-nums}
svg{width:100%;min-width:40rem;height:auto;display:block}
svg .ink{fill:var(--ink)}svg .faint{fill:var(--faint)}svg .band{fill:var(--band)}svg .good{fill:var(--good)}svg .bad{fill:var(--bad)}svg .unsure{fill:var(--unsure)}
svg .line{fill:none}svg .grid.line{stroke:var(--grid)}svg .faint.line{stroke:var(--faint)}svg .plain.line{stroke:var(--plain)}svg circle.paper{fill:var(--paper)}
@media print{body{margin:0;max-width:none}.card{break-inside:avoid}}
</style></head><body>
<h1 class="{{.D.Verdict}}">{{.Title}}</h1>
<p class="faint">{{.D.Lines}} lines of {{range $i, $f := .D.Files}}{{if $i}}, {{end}}<code>{{$f}}</code>{{end}}{{.Span}}</p>
{{with .D.Seen}}<p>{{.}}</p>{{end}}{{with .D.Reason}}<p><b>Why:</b> {{.}}</p>{{end}}{{range .D.But}}<p><b>It works, but:</b> {{.}}</p>{{end}}
{{range .D.Candidates}}<div class="card {{$.D.Verdict}}">{{if $.Several}}<p><b>{{.Name}}</b> (<code>{{.ID}}</code>)</p>{{end}}
<p><b>Since when:</b> {{.Since}}{{with .Place.String}}, <code>{{.}}</code>{{end}}</p>
<p><b>Do now:</b> {{.Cure}}{{if eq .RestartHelps "yes"}} A restart of Wolf helps, until it happens again.{{else if eq .RestartHelps "no"}} A restart alone does not help.{{end}}</p>
{{with .Reading}}<p><b>It means:</b> {{.}}</p>{{end}}
<p><b>How sure:</b> {{.Confidence}}</p>
<ul>{{range .For}}<li>for: {{.}}</li>{{end}}{{range .Against}}<li>against: {{.}}</li>{{end}}</ul></div>{{end}}
{{if .D.Recovered}}<p>A later start of the process shows none of it.</p>{{end}}
{{range .D.Also}}<p><b>Also broke:</b> {{$.D.AlsoSentence .}}</p>
{{end}}{{if .Timeline}}<h2>Timeline</h2><div class="scroll">{{.Timeline}}</div>{{end}}
{{if .D.Chain}}<h2>From the first sign to the end</h2><table><tr><th>When</th><th>What</th></tr>{{range .D.Chain}}
<tr><td class="when">{{stamp .At}}</td><td><b>{{.Name}}</b> <span class="faint">({{.Fault}}{{if gt .Count 1}}, {{.Count}} lines{{end}})</span><br><code>{{.Text}}</code><br><span class="faint">{{.Place}}{{if .EffectOf}}; effect of {{range $i, $e := .EffectOf}}{{if $i}}, {{end}}{{$e}}{{end}}{{else}}; root{{end}}</span></td></tr>{{end}}</table>{{end}}
{{if .D.Sessions}}<h2>Sessions</h2><div class="scroll"><table><tr><th>Session</th><th>Began</th><th>Display</th><th>End</th><th>Verdict</th></tr>{{range $i, $s := .D.Sessions}}
<tr><td>{{$.D.SessionName $i}}{{if .Resumed}} (resumed){{end}}</td><td class="when">{{stamp .Began}}</td><td>{{.Display}}</td><td>{{.End}}</td><td class="{{.Verdict}}">{{.Verdict}}{{with .Root}} {{.}}{{end}}</td></tr>{{end}}</table></div>{{if .D.Folded.Sessions}}<p class="faint">{{.Folded}}</p>{{end}}{{end}}
{{if .D.Notes}}<h2>Also seen</h2><table><tr><th>What</th><th>Weight</th><th>First line</th></tr>{{range .D.Notes}}
<tr><td>{{.Name}} <span class="faint">({{.Fault}}{{if gt .Count 1}}, {{.Count}} lines{{end}})</span></td><td>{{if eq .Severity "info"}}noise{{else}}{{.Severity}}{{end}}{{with .Demoted}}, does not count: {{.}}{{end}}</td><td><code>{{.Text}}</code> <span class="faint">{{.Place}}</span></td></tr>{{end}}</table>{{end}}
</body></html>
`))

// WriteHTML writes the report as one self-contained file with a drawn timeline.
func (d *Diagnosis) WriteHTML(w io.Writer) error {
	data := struct {
		D           *Diagnosis
		Title, Span string
		Folded      string
		Several     bool
		Timeline    template.HTML
	}{D: d, Title: d.headline(), Span: d.span(), Folded: d.Folded.sentence(), Several: len(d.Candidates) > 1 || d.Root == nil}
	if p, drawn := d.timeline(); drawn {
		data.Timeline = template.HTML(p.Element()) // our own, with all words escaped
	}
	// HTML escapes tags, but neither control characters nor what turns the reading
	// direction around.
	if err := page.Execute(escape.NewWriter(w), data); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
