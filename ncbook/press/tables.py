"""Tables of the generated pages."""

from collections.abc import Iterable


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """An HTML table whose cells hold markup; on a narrow page each row becomes a card."""
    # The roles repeat what the elements are, since the style sheet turns rows into cards there.
    heads = list(heads)
    head = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in heads)
    body = "".join(_row(heads, cells) for cells in rows)
    return (
        '<div class="pst-scrollable-table-container"><table role="table" '
        'class="table ncbook-table">'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table></div>'
    )


def _row(heads: Iterable[str], cells: Iterable[str]) -> str:
    pairs = zip(heads, cells, strict=True)
    inner = "".join(f'<td role="cell" data-label="{head}">{cell}</td>' for head, cell in pairs)
    return f'<tr role="row">{inner}</tr>'
