"""A chapter's quiz: jupyterquiz's questions, in the page's colours, marked where it is read."""

import json
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from jupyterquiz.dynamic.renderer import build_script, build_styles, render_div

from ncbook.press.classroom.definitions import Question
from ncbook.press.markup import Markup

# The site's variables, else JupyterLab's, else a light page's.
_SURFACE = "var(--pst-color-surface, var(--jp-layout-color2, #eeeeee))"
_BACK = "var(--pst-color-background, var(--jp-layout-color1, #ffffff))"
_TEXT = "var(--pst-color-text-base, var(--jp-ui-font-color1, #222222))"
_EDGE = "var(--pst-color-border, var(--jp-border-color1, #999999))"
COLOURS = {
    "--jq-multiple-choice-bg": _SURFACE,
    "--jq-many-choice-bg": _SURFACE,
    "--jq-mc-button-bg": _BACK,
    "--jq-mc-button-border": _EDGE,
    "--jq-mc-button-inset-shadow": _EDGE,
    "--jq-text-color": _TEXT,
    "--jq-link-color": _TEXT,
    "--jq-correct-color": "#1d6b2f",
    "--jq-incorrect-color": "#b02020",
}
# Of the library's look: type as large as the page's, and one answer a line.
_LOOK = """
.Quiz, .Quiz .Feedback { font-size: 1rem; line-height: 1.5; }
.Quiz .Answer { grid-template-columns: 1fr; grid-gap: 6px; }
.Quiz .MCButton { justify-content: flex-start; text-align: left; color: inherit; }
.Quiz .MCButton:focus-within { outline: 2px solid currentColor; outline-offset: 2px; }
.Quiz .correctButton, .Quiz .incorrectButton { color: #ffffff; }
.Quiz .Feedback { text-align: left; color: inherit; }
.Quiz .correct::before { content: "\\2713  Right. "; font-weight: 600; }
.Quiz .incorrect::before { content: "\\2717  No. "; font-weight: 600; }
@media (prefers-reduced-motion: reduce) { .Quiz .MCButton { animation-duration: 1ms; } }
"""
# The library looks for MathJax only once, so it starts when the page's has started, if there is
# one. Feedback is spoken where a page is read aloud.
_START = """(() => {
  const fill = () => {
    // Where MathJax didn't come, its settings have the name, and the library takes them for it.
    if (window.MathJax && !window.MathJax.version) delete window.MathJax;
    %s
    const said = document.querySelectorAll("#%s .Feedback");
    said.forEach((place) => place.setAttribute("role", "status"));
  };
  const begin = () => Promise.resolve(window.MathJax?.startup?.promise).then(fill);
  if (document.readyState === "complete") begin(); else window.addEventListener("load", begin);
})();"""


def quiz_markup(name: str, questions: Sequence[Question]) -> Markup:
    """The quiz as HTML that needs no kernel, and as text.

    Args:
        name: letters and digits, unique on the page.
        questions: in their order; the answers of each are shuffled by the page.
    """
    script = build_script(f"const asked = {_json(questions)};\n{{", True, "", name, True)
    script = script.replace(f"questions{name}", "asked")
    box = render_div(name, False, True, False, len(questions), 720, 6, "left")
    styles = build_styles(name, COLOURS).replace("</style>", f"{_LOOK}</style>")
    page = f"{box}{styles}</div><script>{_START % (script, name)}</script>"
    return Markup(page, "\n".join(f"{n}. {q.text}" for n, q in enumerate(questions, start=1)))


def _json(questions: Sequence[Question]) -> str:
    # A closing tag inside a string would end the script.
    return json.dumps([_asked(q) for q in questions]).replace("</", "<\\/")


def _asked(question: Question) -> dict[str, Any]:
    """A question in jupyterquiz's terms."""
    answers = [(text, says, True) for text, says in question.right.items()]
    answers += [(text, says, False) for text, says in question.wrong.items()]
    return {
        "question": _inline(question.text),
        "type": "many_choice" if len(question.right) > 1 else "multiple_choice",
        "answers": [
            {"answer": _inline(text), "feedback": _inline(says), "correct": right}
            for text, says, right in answers
        ],
    }


def _inline(text: str) -> str:
    """Plain Markdown as HTML: code and emphasis; formulas stay as they are for MathJax."""
    pieces = re.split(r"(\$[^$]+\$)", text)
    return "".join(escape(piece) if n % 2 else _marked(piece) for n, piece in enumerate(pieces))


def _marked(text: str) -> str:
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)
