"""Size expressions and guards of a program: arithmetic is accepted, anything else of Python is not.

PyTorch evaluates size expressions with ``sympy.sympify`` and guards with ``exec`` (``GraphModuleDeserializer`` and
``_convert_guards_code_to_fn``, 2.13).
"""

import ast
import re
from collections.abc import Callable

_CHARACTERS = re.compile(r"[\w'.,=<>!+*/%&|()\[\] -]{1,2000}", re.ASCII)
_SYMBOL = re.compile(r"[a-z]{1,8}\d{1,5}")  # s77, u0; short, as PyTorch counts up to the index of a u
_DECIMAL = re.compile(r"-?\d{1,40}(\.\d{1,40})?(e[+-]?\d{1,3})?")
_LARGEST = 2**64
_LARGEST_EXPONENT = 64
# For sums, which SymPy multiplies out.
_LARGEST_EXPONENT_OF_SUM = 4
_MOST_ARGUMENTS = 64

# From SymPy and torch/utils/_sympy/functions.py.
_SIZE_FUNCTIONS = re.compile(
    r"Integer|Rational|Add|Mul|Max|Min|Abs|floor|ceiling|Eq|Ne|Lt|Le|Gt|Ge|Equality|Unequality|StrictLessThan|LessThan"
    r"|StrictGreaterThan|GreaterThan|And|Or|Not|Piecewise|ExprCondPair|FloorDiv|ModularIndexing|Where|PythonMod|Mod"
    r"|CleanDiv|CeilToInt|FloorToInt|CeilDiv|FloatTrueDiv|IntTrueDiv|IsNonOverlappingAndDenseIndicator|TruncToFloat"
    r"|TruncToInt|RoundToInt|RoundDecimal|ToFloat|Identity|OpaqueUnaryFn_\w+"
)
_POWERS = frozenset(["Pow", "PowByNatural", "FloatPow", "LShift", "RShift"])
_CONSTANTS = frozenset(["oo", "int_oo", "true", "false"])

# From PythonPrinter in torch/utils/_sympy/printers.py.
_GUARD_FUNCTIONS = re.compile(
    r"math\.(floor|ceil|trunc|sqrt|cos|cosh|acos|sin|sinh|asin|tan|tanh|atan|log2)"
    r"|torch\.(sym_(float|int|ite|max|min|not|sqrt)|_sym_sqrt)"
    r"|max|min|abs|round|IsNonOverlappingAndDenseIndicator|cast_symbool_to_symint_guardless"
)
_READINGS = frozenset(["size", "stride", "storage_offset"])

Part = Callable[[ast.expr], bool]


def is_size(text: str) -> bool:
    """Whether ``text`` is arithmetic on sizes: ``32*s16``, ``Add(Symbol('s0', integer=True), Integer(-1))``."""
    return _parses(text, _is_size_part)


def is_guard(text: str) -> bool:
    """Whether ``text`` only compares sizes of inputs: ``L['x'].size()[2] % 4 == 0``."""
    return _parses(text, _is_guard_part)


def _parses(text: str, part: Part) -> bool:
    if _CHARACTERS.fullmatch(text) is None:
        return False
    try:
        return _is_arithmetic(ast.parse(text, mode="eval").body, part)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # MemoryError: too deeply nested for the parser
        return False


def _is_arithmetic(node: ast.expr, part: Part) -> bool:
    """Whether ``node`` is operators on numbers and on nodes that ``part`` accepts."""

    def all_are(*nodes: ast.expr) -> bool:
        return all(_is_arithmetic(inner, part) for inner in nodes)

    match node:
        case ast.Constant(value=int() | float() as value):
            return abs(value) < _LARGEST
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() | ast.Not(), operand=operand):
            return all_are(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _is_power(left, right, part)
        case ast.BinOp(left=left, right=right, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.FloorDiv()):
            return all_are(left, right)
        case ast.BinOp(left=left, right=right, op=ast.Mod() | ast.BitAnd() | ast.BitOr()):
            return all_are(left, right)
        case ast.BoolOp(values=values):
            return all_are(*values)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return all_are(test, body, orelse)
        case ast.Compare(left=left, comparators=others):
            return all_are(left, *others)
        case _:
            return part(node)


def _is_power(base: ast.expr, exponent: ast.expr, part: Part) -> bool:
    """Whether the power is cheap to evaluate: a small exponent, and no power inside the base."""
    inner = list(ast.walk(base))
    nested = any(isinstance(n, ast.Pow) or (isinstance(n, ast.Name) and n.id in _POWERS) for n in inner)
    sums = any(isinstance(n, ast.Add | ast.Sub) or (isinstance(n, ast.Name) and n.id == "Add") for n in inner)
    largest = _LARGEST_EXPONENT_OF_SUM if sums else _LARGEST_EXPONENT
    return not nested and _is_small(exponent, largest) and _is_arithmetic(base, part)


def _is_small(node: ast.expr, largest: int = _LARGEST_EXPONENT) -> bool:
    """Whether ``node`` is an exponent up to ``largest``: ``2``, ``-1``, ``Rational(1, 2)``, ``Float('0.5')``."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _is_small(operand, largest)
        case ast.Constant(value=int() | float() as value):
            return value <= largest
        case ast.Call(func=ast.Name(id="Integer" | "Rational"), args=[_, *_] as inner, keywords=[]):
            return all(_is_small(part, largest) for part in inner)
        case ast.Call(func=ast.Name(id="Float"), args=[ast.Constant(value=str() as digits)]):
            return _is_float(node) and float(digits) <= largest
        case _:
            return False


def _is_float(node: ast.Call) -> bool:
    """``Float('0.5', precision=53)``."""
    match node:
        case ast.Call(args=[ast.Constant(value=str() as digits)], keywords=[]):
            return _DECIMAL.fullmatch(digits) is not None
        case ast.Call(args=[digits], keywords=[ast.keyword(arg="precision", value=precision)]):
            return _is_small(precision) and _is_float(ast.Call(func=node.func, args=[digits], keywords=[]))
        case _:
            return False


def _is_size_part(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name):
            return name in _CONSTANTS or _SYMBOL.fullmatch(name) is not None
        case ast.Call(func=ast.Name(id="Symbol"), args=[ast.Constant(value=str() as name)], keywords=assumptions):
            return _SYMBOL.fullmatch(name) is not None and all(
                isinstance(a.value, ast.Constant) and isinstance(a.value.value, bool) for a in assumptions
            )
        case ast.Call(func=ast.Name(id="Float")):
            return _is_float(node)
        case ast.Call(func=ast.Name(id=name), args=[base, exponent], keywords=[]) if name in _POWERS:
            return _is_power(base, exponent, _is_size_part)
        case ast.Call(func=ast.Name(id=name), args=inner, keywords=[]):
            known = _SIZE_FUNCTIONS.fullmatch(name) is not None and len(inner) <= _MOST_ARGUMENTS
            return known and all(_is_arithmetic(a, _is_size_part) for a in inner)
        case _:
            return False


def _is_guard_part(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="math"), attr="inf" | "nan"):
            return True
        case ast.Call(func=function, args=inner, keywords=[]) if _GUARD_FUNCTIONS.fullmatch(ast.unparse(function)):
            return all(_is_arithmetic(a, _is_guard_part) for a in inner)
        case _:
            return _is_input(node)


def _is_input(node: ast.expr) -> bool:
    """``L['x']``, ``L['flat_args'][0]``, ``L['x'].size()[2]``."""
    match node:
        case ast.Subscript(value=ast.Name(id="L"), slice=ast.Constant(value=str())):
            return True
        case ast.Subscript(value=value, slice=ast.Constant(value=str() | int())):
            return _is_input(value)
        case ast.Call(func=ast.Attribute(value=value, attr=attribute), args=[], keywords=[]):
            return attribute in _READINGS and _is_input(value)
        case _:
            return False
