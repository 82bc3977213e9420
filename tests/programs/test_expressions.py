"""Sizes and guards: arithmetic passes, everything else that Python could evaluate does not."""

import ast
from collections.abc import Callable, Iterator

import pytest

from ca_deploy.programs.expressions import is_guard, is_size

SIZES = [
    *("s77", "32*s16", "u0 + 1", "s0//2", "Max(1, s0)", "-1", "oo", "-int_oo"),
    "Symbol('s77', positive=True, integer=True)",
    "Add(Mul(Integer(32), Pow(FloorDiv(Add(Symbol('s0', integer=True), Integer(-1)), Integer(2)), Integer(2))), 1)",
    "TruncToInt(FloatPow(ToFloat(Symbol('s0')), Float('0.5', precision=53)))",
    "Pow(Mul(Rational(1, 2), Symbol('s0', integer=True)), Rational(-1, 2))",
    "GreaterThan(Symbol('u0', integer=True), Integer(2))",
    "Piecewise(ExprCondPair(Integer(1), Equality(Symbol('s0'), Integer(2))), ExprCondPair(Integer(3), true))",
    "OpaqueUnaryFn_sqrt(ToFloat(Symbol('s0')))",
]
GUARDS = [
    "L['x'].size()[2] % 4 == 0",
    "((1 + (((-1) + L['flat_args'][0].size()[3]) // 2))*(1 + (L['x'].stride()[2] // 2))) != 1",
    "math.trunc(torch.sym_float(L['x'].size()[2]) ** 0.5) == 5",
    "max(1, L['args'][0]['image'].storage_offset()) <= math.inf and not (L['x'].size()[0] > 3)",
]


def spoilt(text: str) -> Iterator[str]:
    """The expression with a call of ``open`` in place of each part, and as one more argument of each call."""
    for node in ast.walk(ast.parse(text, mode="eval").body):
        if isinstance(node, ast.expr):
            assert node.end_col_offset is not None
            yield text[: node.col_offset] + "open('x')" + text[node.end_col_offset :]
            if isinstance(node, ast.Call):
                comma = ", " if node.args or node.keywords else ""
                for more in ("open('x')", "*open('x')", "more=open('x')", "**open('x')"):
                    yield text[: node.end_col_offset - 1] + comma + more + text[node.end_col_offset - 1 :]


@pytest.mark.parametrize("text", SIZES)
def test_arithmetic_is_a_size(text: str) -> None:
    assert is_size(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "open('x', 'w')", "__import__('os')", "s0.__class__", "s0[0]", "[s0]", "(lambda: 1)()", "f(s0)"),
        *("Symbol('x y')", "Symbol(open('x'))", "Symbol(s0)", "Symbol('s0', real=open('x'))", "sympify('s0')"),
        *("S('s0')", "Float(\"open('x')\")", "Integer('7')", "Add(*[s0])", "Add(s0, evaluate=False)", "s0 ; s1"),
        *("s0 # open", "s0\n", "s0 if open('x') else s1", "(x := s0)", "f'{s0}'", "s0 in open('x')", "ſ0"),
        *("9**9**9", "2**1000", "Pow(Pow(2, 60), 60)", "LShift(1, 100)", "1" * 30, "u99999999", "Float('1e9999')"),
        # SymPy would take minutes to multiply these out, or to compare them with each other.
        "FloorDiv((s0 + s1 + s2 + s3 + s4 + s5)**40, (s0 + s1 + s2 + s3 + s4 + s5 + 1)**39)",
        *(f"Max({', '.join(f's{n}' for n in range(200))})", f"Pow(Add(s0, s1), {9})", "(s0 - 1)**64"),
        "(" * 3000 + "s0" + ")" * 3000,
        "-" * 40_000 + "s0",
        "+".join(["s0"] * 20_000),
    ],
)
def test_anything_else_is_not_a_size(text: str) -> None:
    assert not is_size(text)


@pytest.mark.parametrize("text", GUARDS)
def test_comparisons_of_inputs_are_guards(text: str) -> None:
    assert is_guard(text)


@pytest.mark.parametrize(
    "text",
    [
        *("open('x')", "L", "L.x", "L['x'].numpy()", "L['x'].size", "L['x'].size(0)[1]", "L[open('x')]", "x > 1"),
        *("torch.load('x')", "torch.os.system('x')", "math.factorial(99)", "L['x'].__class__", "s0 > 1", "M['x']"),
        *('L["x"].size()[0]', "L['x\\'].size()[0]", "max(key=open)", "9**9**9 > 1", "L['x'].size()[-open('x')]"),
    ],
)
def test_anything_else_is_not_a_guard(text: str) -> None:
    assert not is_guard(text)


@pytest.mark.parametrize(
    ("text", "passes"), [*((text, is_size) for text in SIZES), *((text, is_guard) for text in GUARDS)]
)
def test_no_part_of_an_expression_may_be_a_call_of_something_else(text: str, passes: Callable[[str], bool]) -> None:
    changed = list(spoilt(text))
    assert changed
    assert [one for one in changed if passes(one)] == []
