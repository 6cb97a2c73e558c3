"""Numbers as a book prints them."""

import re

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_EXPONENT = re.compile(r"e([+-])0*(\d+)")


def typeset(text: str) -> str:
    """A formatted number with a minus sign and powers of ten: ``-9.3e-04`` as ``−9.3 × 10⁻⁴``."""
    return _EXPONENT.sub(_power, text).replace("-", "−")


def typeset_prose(text: str) -> str:
    """The same for the numbers in a sentence; a hyphen between letters stays one."""
    return re.sub(r"(?<![\w)])-(?=[\d.∞])", "−", _EXPONENT.sub(_power, text))


def _power(match: re.Match[str]) -> str:
    sign, digits = match.groups()
    exponent = f"{'-' if sign == '-' else ''}{digits}".translate(_SUPERSCRIPTS)
    return f" × 10{exponent}"
