"""``ncbook claims``: the ledger of what the papers claim and what was measured."""

from ncbook.cli.checkout import find_checkout
from ncbook.cli.console import print_table
from ncbook.cli.options import Profile
from ncbook.errors import NcbookError


def claims(profile: Profile = "laptop") -> None:
    """Show each claim of the papers, what the executed chapters measured, and the verdict.

    Exit code 1 if a verdict isn't the one that book/claims.yml expects in this profile.
    """
    from ncbook.press.book import Book
    from ncbook.press.claimfile import load_claims
    from ncbook.press.claims import SHOWN, check_verdicts, collect, measured

    book = Book(find_checkout())
    known = load_claims(book.claims_file)
    ledger = collect(book.executed(profile))
    rows = []
    for name, claim in known.claims.items():
        record, expected = ledger.get(name), claim.expect.get(profile)
        found = (measured(claim, record), SHOWN[record.verdict]) if record else ("", "not measured")
        rows.append((name, claim.statement, *found, SHOWN[expected] if expected else "nothing"))
    print_table(("Claim", "Statement", "Measured", "Verdict", "Expected"), rows)
    differing = check_verdicts(ledger, known, profile)
    if differing:
        raise NcbookError(
            f"Verdicts differ from {book.claims_file.name}: {'; '.join(differing)}",
            "Execute the chapters (ncbook run), or correct what the file expects and the text says",
        )
