# SPDX-License-Identifier: BSD-2-Clause
"""The lesson as one page of HTML, which brings all that it shows and fetches nothing."""
import base64
import html

import rows
import tell

STYLE = """
:root{--ground:#f6f7f9;--card:#fff;--ink:#1d2733;--soft:#5b6875;--line:#dde3e9;--good:#14713a;--good-soft:#e3f4e9;--bad:#b3261e;
--bad-soft:#fbe9e7;--blue:#1f5fae;--term:#17212b;--term-ink:#d8e1ea;--term-soft:#8a9bab;--note:#fff7e0;--note-line:#e2c15a}
@media(prefers-color-scheme:dark){:root{--ground:#10161c;--card:#18212a;--ink:#e3e9ef;--soft:#9aa8b5;--line:#2b3742;--good:#6fd08f;
--good-soft:#173524;--bad:#ff8f85;--bad-soft:#412120;--blue:#7db5f5;--term:#0a0f14;--note:#332b14;--note-line:#8b7430}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.6 system-ui,"Noto Sans","Noto Sans KR","Noto Sans CJK KR","Apple SD Gothic Neo",
"Malgun Gothic","NanumGothic",sans-serif;word-break:keep-all;overflow-wrap:break-word}
main{max-width:1480px;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:2rem;line-height:1.25;margin:0 0 .75rem}
h2{font-size:1.3rem;margin:0 0 .6rem;display:flex;gap:.7rem;align-items:center}
h3{font-size:1rem;margin:0;color:var(--blue)}
p{margin:.5rem 0;max-width:92ch}
a{color:var(--blue)}
.number{flex:none;min-width:2.1rem;height:2.1rem;border-radius:1.05rem;background:var(--blue);color:var(--card);display:inline-flex;
align-items:center;justify-content:center;font-weight:700}
section{margin-top:2.6rem;padding-top:1.6rem;border-top:1px solid var(--line)}
.sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:1rem;margin:1rem 0;align-items:start}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem;min-width:0}
.card>header{display:flex;flex-wrap:wrap;gap:.4rem .8rem;align-items:center;justify-content:space-between;margin-bottom:.6rem}
.badge{display:inline-block;border-radius:1rem;padding:.05rem .7rem;font-size:.85rem;font-weight:600;white-space:nowrap}
.works{color:var(--good);background:var(--good-soft)}.fails{color:var(--bad);background:var(--bad-soft)}
.wrong{outline:2px solid var(--bad)}
pre{background:var(--term);color:var(--term-ink);border-radius:8px;padding:.8rem 1rem;margin:.5rem 0;overflow-x:auto;
font:11.5px/1.55 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,"Noto Sans Mono CJK KR","D2Coding",monospace}
.log{white-space:pre-wrap;overflow-wrap:anywhere}pre .prompt{color:var(--term-soft)}
pre .typed{color:#8fd3ff;font-weight:600;white-space:pre-wrap;overflow-wrap:anywhere}
pre .l-error{color:#ff9d94;font-weight:600}pre .l-command{color:#8ab8ff}pre .l-response{color:#8fdca8}pre .l-status{color:var(--term-soft)}
h4{font-size:.9rem;margin:1rem 0 .2rem;color:var(--soft)}
.explain{border-left:4px solid var(--blue);padding:.1rem .9rem;margin:.8rem 0}
.explain p{margin:.3rem 0}
.lesson{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.4rem 1.1rem;margin-top:.7rem}
.today{background:var(--note);border:1px solid var(--note-line);border-radius:10px;padding:.4rem 1.1rem;margin-top:.7rem}
.warning{color:var(--soft)}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line);font-size:.93rem}
th,td{padding:.45rem .7rem;border-bottom:1px solid var(--line);text-align:left}
th{color:var(--soft);font-weight:600}
.table{overflow-x:auto;margin:1rem 0}
details{margin-top:.6rem}
summary{cursor:pointer;color:var(--blue);font-size:.93rem}
img{width:100%;max-width:960px;display:block;margin:.6rem 0;border:1px solid var(--line);border-radius:8px}
footer{margin-top:3rem;color:var(--soft);font-size:.9rem}
@media print{details>*{display:block}body{background:#fff}}
"""

LABELS = {"Error:": "error", "오류:": "error", "Command:": "command", "명령:": "command", "Response:": "response", "응답:": "response"}


def esc(text):
    return html.escape(text, quote=True)


def span(kind, text):
    return f'<span class="{kind}">{esc(text)}</span>'


class Page:
    def __init__(self, say):
        self.say, self.parts = say, []

    def put(self, *parts):
        self.parts += parts

    def paragraph(self, text, head="", kind=""):
        strong = f"<strong>{esc(head)}.</strong> " if head else ""
        self.put(f"<p{f' class={kind}' if kind else ''}>{strong}{esc(text)}</p>")

    # --- the frame

    def begin(self, release, server):
        title = esc(self.say("TITLE"))
        self.put(f'<!DOCTYPE html>\n<html lang="{self.say.language}"><head><meta charset="utf-8">'
                 '<meta name="viewport" content="width=device-width,initial-scale=1">'
                 f"<title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>")
        self.paragraph(self.say("INTRO", release, server))
        self.paragraph(self.say("WARNING"), kind="warning")

    def summary(self, outcomes):
        columns = tell.columns_of(outcomes)
        heads = [self.say("COLUMN_ROW"), self.say("COLUMN_OPEN"),
                 *(f"{'iptables' if side == 'kernel' else side}, {self.say(mode.upper())}" for side, mode in columns)]
        self.put('<div class="table"><table><tr>', *(f"<th>{esc(head)}</th>" for head in heads), "</tr>")
        for row in tell.rows_of(outcomes):
            self.put(f'<tr><td><a href="#row-{row.name}">{row.name}</a></td><td>{esc(self.say(row.name + "_OPEN"))}</td>')
            for side, mode in columns:
                outcome = tell.find(outcomes, row, side, mode)
                self.put(f"<td>{self.badge(outcome, tell.short(self.say, outcomes, row, side, mode)) if outcome else '-'}</td>")
            self.put("</tr>")
        self.put("</table></div>", *(f"<p><strong>{esc(line)}</strong></p>" for line in tell.verdict(self.say, outcomes)))

    @staticmethod
    def badge(outcome, text):
        kind = "works" if outcome.got == rows.WORKS else "fails"
        return f'<span class="badge {kind}{"" if outcome.is_right() else " wrong"}">{esc(text)}</span>'

    # --- a row

    def row(self, row, played):
        self.put(f'<section id="row-{row.name}"><h2><span class="number">{row.name}</span><span>{esc(self.say(row.name + "_TITLE"))}</span></h2>')
        self.paragraph(self.say(row.name + "_GUIDE"), self.say("GUIDE"))
        self.put('<div class="sides">')
        for one in played:
            self.side(one)
        self.put("</div>")
        for kind in tell.lessons(row, [one.side for one in played]):
            self.put(f'<div class="{"today" if kind == "TODAY" else "lesson"}">')
            self.paragraph(self.say(f"{row.name}_{kind}"), self.say(tell.HEADS[kind]))
            self.put("</div>")
        self.put("</section>")

    def side(self, one):
        self.put(f'<div class="card"><header><h3>{esc(self.say(one.side.upper()))}</h3><span>')
        for outcome in one.outcomes:
            mode = "LOGIN" if outcome.got == rows.NO_LOGIN else outcome.mode.upper()
            words = self.say(outcome.got + "_SHORT") if outcome.got in rows.OUTCOMES else outcome.got
            self.put(self.badge(outcome, f"{self.say(mode)}: {words}"), " ")
        self.put("</span></header>")
        commands = []
        for step in one.steps:
            if step.kind == "command":
                commands.append(step)
                continue
            self.commands(commands)
            commands = []
            getattr(self, step.kind)(step)
        if one.diagram:
            image = base64.b64encode(one.diagram.encode()).decode()
            name = esc(self.say("DIAGRAM"))
            self.put(f'<details><summary>{name}</summary><img alt="{name}" src="data:image/svg+xml;base64,{image}"></details>')
        self.put("</div>")

    def commands(self, steps):
        if not steps:
            return
        self.put("<pre>")
        for step in steps:
            self.put(span("prompt", step.title + "# "), span("typed", step.text), "\n", esc(step.output.strip("\n")) + "\n" if step.output else "")
        self.put("</pre>")

    def text(self, step):
        if not step.title:
            self.paragraph(step.text, kind="warning")
            return
        self.put(f'<h4>{esc(step.title)}</h4><pre class="log">{esc(step.text)}</pre>')

    def log(self, step):
        lines = [tell.label_of(line) for line in step.text.splitlines()]
        columns = max((tell.width(label) for label, _ in lines), default=0)
        self.put(f'<h4>{esc(step.title)}</h4><pre class="log">', span("prompt", "client$ "), span("typed", step.output), "\n")
        for label, rest in lines:
            kind = "l-" + LABELS.get(label, "status")
            self.put(span(kind, tell.padded(label, columns) + " ") if label else "", span(kind, rest) if kind == "l-error" else esc(rest), "\n")
        self.put("</pre>")

    def outcome(self, step):
        words = self.say(step.got) if step.got in rows.OUTCOMES else step.got
        kind = "works" if step.got == rows.WORKS else "fails"
        end = self.say("AS_EXPECTED") if step.is_right else self.say("NOT_AS_EXPECTED", self.say(step.title))
        self.put(f'<p><span class="badge {kind}">{esc(words)}</span> <span class="warning">{esc(end)}</span></p>')
        if step.text:
            self.paragraph(step.text, kind="warning")

    def explain(self, step):
        self.put(f'<div class="explain"><h4>{esc(step.title)}</h4>')
        self.paragraph(step.text)
        if step.output:
            words, _, lines = step.output.partition("\n")
            self.paragraph(words)
            self.put(f"<pre>{esc(lines)}</pre>")
        self.put("</div>")


def write(say, release, server, played):
    page = Page(say)
    page.begin(release, server)
    page.summary([outcome for one in played for outcome in one.outcomes])
    for row in list({one.row.name: one.row for one in played}.values()):
        page.row(row, [one for one in played if one.row is row])
    page.put(f"<footer>{esc(say('FOOTER'))}</footer></main></body></html>\n")
    return "".join(page.parts)
