"""Formulas and numbers as a student types them, such as ``(k-1)/k * sqrt(2)``."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

LONGEST = 300  # characters
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "arccos": np.arccos,
    "arcsin": np.arcsin,
    "cos": np.cos,
    "exp": np.exp,
    "ln": np.log,
    "log": np.log,
    "log2": np.log2,
    "max": np.maximum,
    "min": np.minimum,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}
CONSTANTS = {"pi": np.pi, "e": np.e, "inf": np.inf}
OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


class UnreadableError(Exception):
    """An answer can't be judged; the message tells the student why."""


def evaluate(text: str, variables: Mapping[str, Any]) -> Any:
    """The value of a formula, for arrays of values of its variables at once.

    Arithmetic, the functions and constants above, and nothing else: no attribute, no import, no
    call of anything that a student's text could bring along.

    Args:
        text: such as ``log(k-1) + beta/2``; ``^`` may stand for ``**``.
        variables: their values, by name.

    Raises:
        UnreadableError: if the text isn't such a formula.
    """
    if len(text) > LONGEST:
        raise UnreadableError(f"A formula of at most {LONGEST} characters is enough here.")
    try:
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError(
            f"This isn't a formula that can be read: `{text.strip()[:80]}`. Write products with "
            "`*`, powers with `**`, and close every bracket."
        ) from error
    values = {name: np.asarray(value, float) for name, value in variables.items()}
    with np.errstate(all="ignore"):
        return _value(tree.body, values)


def _value(node: ast.AST, variables: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return np.float64(min(number, 10**300) if isinstance(number, int) else number)
        case ast.Name(id=name):
            return _named(name, variables)
        case ast.UnaryOp(op=op, operand=inner) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(inner, variables))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(left, variables), _value(right, variables))
        case ast.Call(func=ast.Name(id=name), args=inner, keywords=[]) if name in FUNCTIONS:
            return _called(name, [_value(argument, variables) for argument in inner])
    raise UnreadableError(
        "Only numbers, the variables asked for, + - * / **, brackets and the functions "
        f"{', '.join(FUNCTIONS)} can be used."
    )


def _named(name: str, variables: Mapping[str, Any]) -> Any:
    if name in variables:
        return variables[name]
    if name in CONSTANTS:
        return np.float64(CONSTANTS[name])
    known = ", ".join(f"`{known}`" for known in variables) or "no variables"
    raise UnreadableError(f"`{name}` means nothing here: the formula may use {known}.")


def _called(name: str, values: list[Any]) -> Any:
    try:
        return FUNCTIONS[name](*values)
    except (TypeError, ValueError) as error:
        raise UnreadableError(f"`{name}` can't take {len(values)} arguments.") from error
