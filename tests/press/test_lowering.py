"""MyST as plain Markdown: each kind of markup, with and without a book; numbers against Sphinx."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from sphinx.util.inventory import InventoryFile

from ncbook.press.book import Book
from ncbook.press.checks import RAW
from ncbook.press.classroom import Exercise, Number
from ncbook.press.classroom.page import exercise_markdown, solution
from ncbook.press.exercises import exercises
from ncbook.press.lowering import Label, MarkupError, References, Work, lower
from ncbook.press.lowering.gathering import Gathering
from ncbook.press.lowering.parsing import Directive, directives
from tests.conftest import ROOT
from tests.press.fixture_book import write_book

SITE = "https://book.example"
KNOWN = References(
    page_name="05-here",
    site=SITE,
    labels={
        "thm-here": Label("Theorem 14", "05-here", "thm-here"),
        "thm-there": Label("Theorem 2", "02-there", "thm-there"),
        "def-g": Label("Definition 1", "05-here", "def-g"),
        "ex-1": Label("Exercise 3", "05-here", "ex-1"),
        "land": Label("The landscape", "05-here", "land"),
        "eq-loss": Label("7", "05-here", "eq-loss"),
    },
    titles={"02-there": "There", "notation": "Notation", "runtimes": ""},
    terms={"simplex etf": "term-Simplex-ETF"},
    bibliography={
        "kini2024symmetric": Work("Kini et al.", "2024", "https://arxiv.org/abs/2306.07960"),
        "rankin1955closest": Work("Rankin", "1955", ""),
    },
    numbers={"gain": "+2.1 [-3.0, +7.2]", "odd": "a_b|c", "fig-one": "Figure 5.1"},
)
OFFLINE = replace(KNOWN, site=None)


@pytest.mark.parametrize(
    ("source", "book", "alone"),
    [
        (
            "{term}`simplex ETF`",
            f"[simplex ETF]({SITE}/book/glossary.html#term-Simplex-ETF)",
            "simplex ETF",
        ),
        (
            "{term}`the simplex <simplex\nETF>`",
            f"[the simplex]({SITE}/book/glossary.html#term-Simplex-ETF)",
            "the simplex",
        ),
        ("{doc}`notation`", f"[Notation]({SITE}/book/notation.html)", "notation"),
        ("{doc}`times <runtimes>`", f"[times]({SITE}/book/runtimes.html)", "times"),
        ("{prf:ref}`thm-here`", "[Theorem 14](#thm-here)", "Theorem “here”"),
        (
            "{prf:ref}`thm-there`",
            f"[Theorem 2]({SITE}/book/02-there.html#thm-there)",
            "Theorem “there”",
        ),
        ("{ref}`land`", "[The landscape](#land)", "land"),
        ("{ref}`ex-1`", "[Exercise 3](#ex-1)", "Exercise “1”"),
        ("{ref}`see above <land>`", "[see above](#land)", "see above"),
        ("{numref}`no. %s <thm-here>`", "[no. 14](#thm-here)", "no. here"),
        ("{eq}`eq-loss`", "(7)", "(eq-loss)"),
        (
            "{cite:t}`kini2024symmetric` say",
            "[Kini et al. (2024)](https://arxiv.org/abs/2306.07960) say",
            "Kini (2024) say",
        ),
        (
            "{cite:p}`rankin1955closest, kini2024symmetric`",
            f"([Rankin, 1955]({SITE}/book/bibliography.html); "
            "[Kini et al., 2024](https://arxiv.org/abs/2306.07960))",
            "(Rankin, 1955; Kini, 2024)",
        ),
        ("{glue}`gain` (points)", "+2.1 [-3.0, +7.2] (points)", "`gain` (points)"),
        ("{glue:text}`odd`", "a&#95;b&#124;c", "`odd`"),
        ("{glue}`fig-one`", f"[Figure 5.1]({SITE}/book/05-here.html#fig-one)", "`fig-one`"),
        ("{abbr}`NC (neural collapse)`", "NC (neural collapse)", "NC (neural collapse)"),
        (
            "[Chapter 2](02-there) and [it](02-there.ipynb#x)",
            f"[Chapter 2]({SITE}/book/02-there.html) and [it]({SITE}/book/02-there.html#x)",
            "Chapter 2 and it",
        ),
        (
            "[*two {term}`simplex ETF`*](02-there)",
            f"[*two [simplex ETF]({SITE}/book/glossary.html#term-Simplex-ETF)*]"
            f"({SITE}/book/02-there.html)",
            "*two simplex ETF*",
        ),
        ("[out](https://example.org) [up](#land)",) * 3,
        (
            "(land)=\n## Here",
            '<a id="land" name="land"></a>\n## Here',
            '<a id="land" name="land"></a>\n## Here',
        ),
        ("a\n\n% a note\n\nb", "a\n\n\n\nb", "a\n\n\n\nb"),
        ("a\n\n+++\n\nb", "a\n\n\n\nb", "a\n\n\n\nb"),
    ],
)
def test_roles_links_and_labels(source: str, book: str, alone: str) -> None:
    assert lower(source, KNOWN) == book
    assert lower(source) == alone


def test_without_an_address_words_stay_words_and_say_where() -> None:
    assert lower("{term}`simplex ETF`, {doc}`notation`, [x](02-there)", OFFLINE) == (
        "simplex ETF, Notation, x"
    )
    assert lower("By {prf:ref}`thm-there`.", OFFLINE) == "By Theorem 2 in chapter 2."
    assert lower("By {prf:ref}`thm-here`.", OFFLINE) == "By [Theorem 14](#thm-here)."
    assert lower("{cite:p}`rankin1955closest`", OFFLINE) == "(Rankin, 1955)"
    assert lower("{glue}`fig-one`", OFFLINE) == "Figure 5.1"


@pytest.mark.parametrize(
    "text",
    [
        "`{term}`",
        "``{term}`x` ``",
        "```python\n{term}`simplex ETF`\n```",
        "~~~\n```{note}\nx\n```\n~~~",
        "    {glue}`nothing`",
        r"\{term}`x`",
        "Plain *text* with $a_{b}$, <b>HTML</b> and a | bar.",
        "| a | b |\n|---|---|\n| 1 | $x$ |\n",
        "$$\na \\\\\nb\n$$",
        "$$ a = b $$",
        "- one\n  - two $x\n    y$\n\n1. three",
        "| a |\n",
        "",
    ],
)
def test_what_isnt_mysts_stays_as_it_is(text: str) -> None:
    assert lower(text, KNOWN) == text
    assert lower(text) == text


THEOREM = """Before.

::::{prf:theorem} No *wider* than {term}`simplex ETF`
:label: thm-here

Let $k
\\ge 2$. Then

$$
a % the left side
= b
$$

and {prf:ref}`thm-there`.
::::

After."""


def test_a_theorem_is_a_quotation_with_its_number() -> None:
    found = lower(THEOREM, OFFLINE)
    assert found == (
        'Before.\n\n> <a id="thm-here" name="thm-here"></a>**Theorem 14 (No *wider* than simplex '
        "ETF).**\n>\n> Let $k \\ge 2$. Then\n>\n> $$ a = b $$\n>\n> and Theorem 2 in chapter 2.\n\n"
        "After."
    )
    assert "**Theorem (No *wider* than simplex ETF).**" in lower(THEOREM)


@pytest.mark.parametrize("kind", ["lemma", "proposition", "corollary", "definition", "remark"])
def test_other_statements_are_called_by_their_kind(kind: str) -> None:
    text = f"```{{prf:{kind}}}\n:label: def-g\n\nA graph.\n```"
    head = f"> **{kind.capitalize()}.**"
    assert lower(text.replace("\n:label: def-g", ""))[: len(head)] == head
    assert "**Definition 1.**" in lower(text, KNOWN)
    assert head in lower(text.replace(":label: def-g", ":nonumber:"), KNOWN)


def test_proofs_end_with_a_mark() -> None:
    assert lower("```{prf:proof}\nClear.\n```") == "**Proof.**\n\nClear.\n\n∎"
    found = lower("```{prf:proof} of it\n:class: dropdown\nClear.\n```")
    assert found.startswith("<details>\n<summary><b>Proof (of it)</b></summary>\n\nClear.")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("```{note}\nLook.\n```", "> **Note**\n>\n> Look."),
        (":::{tip}\nLook.\n:::", "> **Tip**\n>\n> Look."),
        ("```{warning}\n- a\n\n  b\n```", "> **Warning**\n>\n> - a\n>\n>   b"),
        ("```{admonition} On $k_1$\nLook.\n```", "> **On $k_1$**\n>\n> Look."),
        (
            "```{admonition} *More*, a<b\n:class: dropdown tip\n\nLook.\n```",
            "<details>\n<summary><b><em>More</em>, a&lt;b</b></summary>\n\nLook.\n\n</details>",
        ),
        (
            "```{dropdown} Hint 1\n:class-container: ncbook-hint\n\nLook.\n```",
            "<details>\n<summary><b>Hint 1</b></summary>\n\nLook.\n\n</details>",
        ),
        (":::{table} Of {glue}`x`\n| a |\n|---|\n| 1 |\n:::", "**Of `x`**\n\n| a |\n|---|\n| 1 |"),
        ("```{math}\na\n= b\n```", "$$\na\n= b\n$$"),
        (
            "````{note}\n```{tip}\nDeep {term}`x`.\n```\n````",
            "> **Note**\n>\n> > **Tip**\n> >\n> > Deep x.",
        ),
        (
            "::::{note}\n:::{tip}\n```python\n{x}`y`\n```\n:::\n::::",
            "> **Note**\n>\n> > **Tip**\n> >\n> > ```python\n> > {x}`y`\n> > ```",
        ),
        ("- ```{note}\n  Look.\n  ```\n- b", "- > **Note**\n  >\n  > Look.\n- b"),
        ("> ```{note}\n> Look.\n> ```\n> b", "> > **Note**\n> >\n> > Look.\n> b"),
        ("\\begin{align}\na &= b\n\\end{align}", "$$\n\\begin{align}\na &= b\n\\end{align}\n$$"),
    ],
)
def test_blocks(source: str, expected: str) -> None:
    assert lower(source) == expected


def test_labelled_equations_carry_their_number() -> None:
    assert lower("$$\na\n$$ (eq-loss)", KNOWN) == "$$\na \\tag{7}\n$$"
    assert lower("```{math}\n:label: eq-loss\na\n```", KNOWN) == "$$\na \\tag{7}\n$$"
    assert lower("$$\na\n$$ (eq-loss)") == "$$\na\n$$"
    assert lower("> $$\n> a\n> $$ (eq-loss)", KNOWN) == "> $$\n> a \\tag{7}\n> $$"


def test_roles_in_a_table_leave_its_columns_alone() -> None:
    table = "| a `x` | {glue}`odd` |\n|---|---|\n| {term}`simplex ETF` | {glue}`gain` |"
    assert lower(table, OFFLINE) == (
        "| a `x` | a&#95;b&#124;c |\n|---|---|\n| simplex ETF | +2.1 [-3.0, +7.2] |"
    )


EXERCISE = Exercise(
    label="ex-1",
    title="A sum",
    kind="derive",
    prompt="What is $1+1$?",
    answer=Number(2.0),
    right="Yes.",
    wrong=[],
    hints=["Use *both* hands."],
    solution="Two, by {prf:ref}`thm-here` and {cite:p}`rankin1955closest`.",
    code="answer = 2",
)


def test_an_exercise_as_the_site_has_it() -> None:
    found = lower(exercise_markdown("3.1", EXERCISE, solved=True), KNOWN)
    assert '<a id="ex-1" name="ex-1"></a>**Exercise 3.1 A sum.**' in found
    assert "<summary><b>Hint 1</b></summary>" in found
    assert "<summary><b>Solution to 3.1</b></summary>\n\nTwo, by [Theorem 14](#thm-here)" in found
    assert "```python\nanswer = 2\n```" in found
    assert not RAW.search(found)


def test_a_solution_in_a_kernel_is_words() -> None:
    assert lower(solution(EXERCISE)).startswith("Two, by Theorem “here” and (Rankin, 1955).")


def test_exercises_written_out_in_a_page() -> None:
    asked = "```{exercise} Repair\n:label: ex-1\nWhy?\n```"
    solved = "```{solution} ex-1\n:class: dropdown\nSo.\n```"
    found = lower(f"{asked}\n\n{solved}", KNOWN)
    assert "**Exercise 3 (Repair).**" in found
    assert "<summary><b>Solution to Exercise 3</b></summary>" in found


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a\n\nb {foo}`x`", 3, "the role {foo} has no plain form"),
        ("a\n\n```{foo} x\n```", 3, "the directive {foo} has no plain form"),
        (":::foo\n:::", 1, "the directive {foo} has no plain form"),
        ("```{note}\n:class: tip\n\nfine\n\n{foo}`x`\n```", 6, "the role {foo}"),
        ("```{note} A {foo}\nfine\n```\n\n> - {prf:ref}`thm-no`", 5, "no label 'thm-no'"),
        ("````{note}\na\n```{prf:proof}\nb\n\n{term}`no`\n```\n````", 6, "no term of the glossary"),
        ("| a |\n|---|\n| {glue}`no` |", 3, "no glued number 'no'"),
        ("{cite:t}`no`", 1, "no work 'no'"),
        ("{doc}`no`", 1, "no page 'no'"),
        ("{doc}`runtimes`", 1, "has no title yet"),
        ("[x](nowhere.md)", 1, "no page 'nowhere'"),
        ("x\n\n```{prf:theorem}\nx\n```", 3, "a theorem without a :label:"),
        ("Word\n: meaning", 1, "a definition list has no plain form"),
    ],
)
def test_what_has_no_plain_form_is_named_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(MarkupError) as caught:
        lower(text, KNOWN)
    assert caught.value.line == line
    assert what in caught.value.what
    assert f"Line {line}: " in str(caught.value)


BOOK = Book(ROOT)
chapters = pytest.mark.parametrize("chapter", BOOK.chapters)


class Anything(dict[str, str]):
    """Stands for the numbers of a run."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return "1.23"


@pytest.fixture(scope="module")
def gathering() -> Gathering:
    return Gathering(BOOK, "laptop")


@chapters
def test_a_chapter_has_nothing_left_of_myst(chapter: str, gathering: Gathering) -> None:
    known = replace(gathering.references(chapter), numbers=Anything())
    notebook = nbformat.read(BOOK.notebook(chapter), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = lower(cell.source, known)
            outside_code = re.sub(r"(?ms)^ *```.*?^ *```|`[^`\n]+`", "", found)
            assert not RAW.search(outside_code)
            assert not re.search(r"^\(.*\)=$|^:\w+:", outside_code, re.MULTILINE)
            assert lower(found, known) == found, "the plain form is plain"


@pytest.mark.parametrize(
    "chapter", sorted(p.stem[2:] for p in (ROOT / "ncbook/press/exercises").glob("ch*.py"))
)
def test_every_solution_can_be_read_in_a_kernel(chapter: str) -> None:
    for exercise in exercises(chapter):
        found = lower(solution(exercise))
        assert not RAW.search(re.sub(r"(?ms)^ *```.*?^ *```|`[^`\n]+`", "", found))


# What Sphinx itself makes of labels, terms and citations.

PAGES = {
    "intro": "# Intro\n\n```{prf:lemma} Zero\n:label: lem-0\nx\n```\n",
    "01-first": """# First

```{prf:theorem} One
:label: thm-1
x
```

```{prf:theorem}
without a label
```

$$
a
$$ (eq-1)

````{note}
```{prf:theorem} Inside
:label: thm-3
x
```
````
""",
    "02-second": """# Second

(there)=
## A place

```{prf:theorem} Unnumbered
:label: thm-none
:nonumber:
x
```

```{prf:lemma} More
:label: lem-1
x
```

```{math}
:label: eq-2
b
```

```{prf:theorem} Last
:label: thm-4
x
```
""",
}
REFERENCES = ["lem-0", "thm-1", "thm-3", "lem-1", "thm-4"]
CONF = """
extensions = ["myst_parser", "sphinx_proof", "sphinxcontrib.bibtex"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
numfig = True
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
html_theme = "basic"
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A book of Markdown pages, with the real glossary and bibliography, and what Sphinx makes."""
    root = tmp_path_factory.mktemp("sphinx")
    book = Book(root)
    book.source.mkdir()
    keys = re.findall(r"@\w+\{(\S+),", (ROOT / "book/references.bib").read_text(encoding="utf-8"))
    pages = PAGES | {
        "asking": "\n\n".join(
            [
                "# Asking",
                *(f"{{prf:ref}}`{name}`" for name in REFERENCES),
                "{ref}`there`",
                *(f"{{eq}}`{name}`" for name in ("eq-1", "eq-2")),
                *(f"{{cite:t}}`{key}`" for key in keys),
                "```{bibliography}\n```",
            ]
        ),
        "glossary": (ROOT / "book/glossary.md").read_text(encoding="utf-8"),
    }
    for name, text in pages.items():
        (book.source / f"{name}.md").write_text(text, encoding="utf-8")
    listed = "\n".join(f"  - file: book/{name}" for name in list(pages)[1:])
    (root / "_toc.yml").write_text(f"root: book/intro\nchapters:\n{listed}\n", encoding="utf-8")
    (root / "_config.yml").write_text("title: Small\n", encoding="utf-8")
    bibliography = (ROOT / "book/references.bib").read_text(encoding="utf-8")
    (book.source / "references.bib").write_text(bibliography, encoding="utf-8")
    (book.source / "conf.py").write_text(CONF, encoding="utf-8")
    toctree = "\n".join(list(pages)[1:])
    intro = f"{pages['intro']}\n```{{toctree}}\n{toctree}\n```\n"
    sphinx = root / "sphinx"
    sphinx.mkdir()
    for path in book.source.iterdir():
        (sphinx / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (sphinx / "index.md").write_text(intro, encoding="utf-8")
    (sphinx / "intro.md").unlink()
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(sphinx), str(book.html)]
    subprocess.run(command, check=True)
    return book


@pytest.fixture(scope="module")
def gathered(small: Book) -> References:
    return Gathering(small, "laptop").references("asking")


def test_labels_are_numbered_as_sphinx_numbers_them(small: Book, gathered: References) -> None:
    labels = gathered.labels
    page = BeautifulSoup((small.html / "asking.html").read_text(encoding="utf-8"), "html.parser")
    texts = {a["href"].split("#")[-1]: a.get_text() for a in page.select("a.reference.internal")}
    for name in REFERENCES:
        assert labels[name].text == texts[name]
    assert labels["there"].text == "A place"
    for name, shown in (("eq-1", "(1)"), ("eq-2", "(2)")):
        assert texts[f"equation-{name}"] == shown == f"({labels[name].text})"


def test_terms_have_sphinxs_anchors(small: Book, gathered: References) -> None:
    with (small.html / "objects.inv").open("rb") as stream:
        inventory = InventoryFile.load(stream, "", lambda base, path: path)
    anchors = {name.lower(): place[2] for name, place in inventory["std:term"].items()}
    assert len(gathered.terms) > 100
    assert {name: f"glossary.html#{at}" for name, at in gathered.terms.items()} == anchors


def test_works_are_named_as_on_the_site(small: Book, gathered: References) -> None:
    known = replace(gathered, site=None)
    page = BeautifulSoup((small.html / "asking.html").read_text(encoding="utf-8"), "html.parser")
    text = page.get_text()
    assert len(known.bibliography) > 50
    for key in known.bibliography:
        shown = re.sub(r"\[(.*)\]\(http.*\)", r"\1", lower(f"{{cite:t}}`{key}`", known))
        assert re.sub(r"\((\d{4})\)", r"[\1]", shown) in text


def test_numbers_come_from_the_executed_chapter(made: Book) -> None:
    known = Gathering(made, "smoke").references("01-first")
    assert known.numbers == {"number": "1.50", "fig-count": "Figure 1.1"}
    assert known.titles["02-second"] == "Second"
    assert known.titles["claims"] == ""


def test_exercises_are_known_by_the_number_they_are_called_by(tmp_path: Path) -> None:
    book = write_book(tmp_path / "book")
    path = book.notebook("01-first")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell('exercise("1.2")'))
    nbformat.write(notebook, path)
    labels = Gathering(book, "smoke").references("02-second").labels
    found = [label.text for label in labels.values() if label.page == "01-first"]
    assert found == ["Exercise 1.2"]


def test_lowering_needs_nothing_that_only_the_book_has() -> None:
    code = (
        "import sys; from ncbook.press.lowering import lower; lower('{term}`x`');"
        "print([n for n in ('sphinx', 'docutils', 'pybtex', 'myst_parser') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert found.stdout.decode().strip() == "[]"


def test_directives_are_found_within_others() -> None:
    text = "````{note}\n```{prf:lemma}\nx\n```\n````\n\n```{tip}\ny\n```"
    found = list(directives(text))
    assert all(isinstance(block, Directive) for block in found)
    assert [block.name for block in found] == ["note", "prf:lemma", "tip"]
