# SPDX-License-Identifier: BSD-2-Clause
"""The lesson on a terminal."""
import re
import unicodedata

import rows
import words

WIDTH = 100
HEADS = {"WHY": "WHY", "TODAY": "TODAY", "WALL": "ON_THE_WALL"}
COLOURS = {"bold": "1", "faint": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fold(text, columns):
    """Lines of at most so many columns, in which Hangul takes two each."""
    lines, line = [], ""
    for word in text.split():
        if line and width(line) + 1 + width(word) > columns:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word
    return lines + [line] if line else lines


def padded(text, columns):
    return text + " " * max(0, columns - width(text))


def label_of(line):
    """(label, rest) of a line of sally's log: its label ends with a tabulator."""
    label, tab, rest = line.partition("\t")
    return (label, rest) if tab else ("", line)


class Teller:
    def __init__(self, say, has_colour):
        self.say, self.has_colour = say, has_colour

    def paint(self, colour, text):
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self.has_colour and text else text

    def line(self, text=""):
        print(text, flush=True)

    def paragraph(self, text, head="", indent=2, colour="bold"):
        """text, folded; head stands before it."""
        lines = fold(f"{head}: {text}" if head else text, WIDTH - indent)
        for number, line in enumerate(lines):
            if head and number == 0 and line.startswith(head + ":"):
                line = self.paint(colour, head + ":") + line[len(head) + 1:]
            self.line(" " * indent + line)

    def block(self, text, indent=6, colour=None):
        for line in text.splitlines():
            self.line(" " * indent + (self.paint(colour, line) if colour else line) if line else "")

    # --- the frame

    def begin(self, release, server):
        self.line(self.paint("bold", self.say("TITLE")))
        self.line()
        self.paragraph(self.say("INTRO", release, server), indent=0)
        self.paragraph(self.say("WARNING"), indent=0)

    def begin_row(self, row):
        title = self.say("ROW", row.name, self.say(row.name + "_TITLE"))
        self.line()
        self.line(self.paint("bold", "── " + title + " " + "─" * max(0, WIDTH - 4 - width(title))))
        self.paragraph(self.say(row.name + "_GUIDE"), self.say("GUIDE"))

    def begin_side(self, side):
        self.line()
        self.line("  " + self.paint("blue", "▌ " + self.say(side.upper())))

    def end_row(self, row, sides):
        self.line()
        for kind in lessons(row, sides):
            self.paragraph(self.say(f"{row.name}_{kind}"), self.say(HEADS[kind]))

    # --- steps

    def tell(self, step):
        {"command": self.command, "log": self.log, "text": self.text, "outcome": self.outcome, "explain": self.explain}[step.kind](step)

    def command(self, step):
        self.line("    " + self.paint("faint", step.title + "# ") + self.paint("cyan", step.text))
        self.block(step.output)

    def text(self, step):
        for line in fold(step.title, WIDTH - 4):
            self.line("    " + self.paint("faint", line))
        if step.title:
            self.block(step.text)
        else:
            self.paragraph(step.text, indent=4)

    def log(self, step):
        self.line()
        self.line("    " + self.paint("bold", step.title))
        self.line("    " + self.paint("faint", "client$ ") + self.paint("cyan", step.output))
        lines = [label_of(line) for line in step.text.splitlines()]
        labels = [label for label, _ in lines if label]
        columns = max(map(width, labels), default=0)
        for label, rest in lines:
            colour = self.colour_of(label)
            self.line("      " + (self.paint(colour, padded(label, columns)) + " " if label else "") + rest)

    def colour_of(self, label):
        """By its kind, in either language."""
        return {"Error:": "red", "오류:": "red", "Command:": "blue", "명령:": "blue", "Response:": "green", "응답:": "green"}.get(label, "faint")

    def outcome(self, step):
        mode = "LOGIN" if step.got == rows.NO_LOGIN else step.mode.upper()
        words = self.say(step.got) if step.got in rows.OUTCOMES else step.got
        colour = "green" if step.got == rows.WORKS else "red"
        end = self.say("AS_EXPECTED") if step.is_right else self.say("NOT_AS_EXPECTED", self.say(step.title))
        self.line("    ⇒ " + self.paint("bold", self.say(mode) + ": ") + self.paint(colour, words) +
                  self.paint("faint" if step.is_right else "yellow", f"  ({end})"))
        if step.text:
            self.paragraph(step.text, indent=6)

    def explain(self, step):
        self.line()
        self.line("    " + self.paint("bold", step.title))
        self.paragraph(step.text, indent=6)
        if step.output:
            words, *lines = step.output.split("\n")
            self.paragraph(words, indent=6)
            for line in lines:
                self.line(" " * 8 + line if line else "")

    # --- the end

    def summary(self, outcomes):
        self.line()
        self.line(self.paint("bold", "── " + self.say("SUMMARY") + " " + "─" * max(0, WIDTH - 4 - width(self.say("SUMMARY")))))
        table = [self.heads(outcomes)] + [self.cells(outcomes, row) for row in rows_of(outcomes)]
        columns = [max(width(cells[i]) for cells in table) for i in range(len(table[0]))]
        for number, cells in enumerate(table):
            text = "  ".join(padded(cell, columns[i]) for i, cell in enumerate(cells)).rstrip()
            self.line("  " + (self.paint("bold", text) if number == 0 else self.coloured(text)))
        self.line()
        for line in verdict(self.say, outcomes):
            self.line("  " + line)

    def heads(self, outcomes):
        return [self.say("COLUMN_ROW"), *(f"{'iptables' if side == 'kernel' else side}, {self.say(mode.upper())}" for side, mode in
                                          columns_of(outcomes)), self.say("COLUMN_OPEN")]

    def cells(self, outcomes, row):
        return [row.name, *(short(self.say, outcomes, row, side, mode) for side, mode in columns_of(outcomes)), self.say(row.name + "_OPEN")]

    def coloured(self, text):
        for name, colour in (("WORKS_SHORT", "green"), ("TIMES_OUT_SHORT", "red"), ("NO_LOGIN_SHORT", "red")):
            text = re.sub(rf"(?<=  ){re.escape(self.say(name))}(?=  |$)", lambda found, c=colour: self.paint(c, found[0]), text)
        return text


def lessons(row, sides):
    """Which of a row's texts belong to what was played: on the kernel's side, where they differ, or on the other."""
    is_alike = row.wall is None
    wanted = {"WHY": is_alike or "kernel" in sides, "TODAY": is_alike or "kernel" in sides, "WALL": "sallywall" in sides}
    return [kind for kind, is_wanted in wanted.items() if is_wanted and f"{row.name}_{kind}" in words.WORDS]


def rows_of(outcomes):
    return list({outcome.row.name: outcome.row for outcome in outcomes}.values())


def columns_of(outcomes):
    sides = [side for side in ("kernel", "sallywall") if any(o.side == side for o in outcomes)]
    return [(side, mode) for side in sides for mode in ("passive", "active")]


def find(outcomes, row, side, mode):
    """Who can't log in is asked once."""
    found = [o for o in outcomes if o.row is row and o.side == side]
    return next((o for o in found if o.mode == mode), found[0] if found and found[0].expected == rows.NO_LOGIN else None)


def short(say, outcomes, row, side, mode):
    outcome = find(outcomes, row, side, mode)
    if not outcome:
        return "-"
    words = say(outcome.got + "_SHORT") if outcome.got in rows.OUTCOMES else outcome.got
    return words if outcome.is_right() else words + " ✗"


def verdict(say, outcomes):
    wrong = [o for o in outcomes if not o.is_right()]
    if not wrong:
        return [say("ALL_RIGHT", len(outcomes))]
    return [say("SOME_WRONG", len(wrong), len(outcomes))] + [
        "  " + say("WRONG_ONE", o.row.name, say(o.side.upper()), say(o.mode.upper()), say(o.got) if o.got in rows.OUTCOMES else o.got,
                   say(o.expected)) for o in wrong]
