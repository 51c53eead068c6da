"""The texts in the window's source: which of them are led through translation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# What takes a text to show it: of Qt, and of desktop/widgets.
SHOWS = re.compile(
    r"""set(Text|WindowTitle|ToolTip|StatusTip|PlaceholderText|AccessibleName|AccessibleDescription|Title|SpecialValueText
    |TabText|ItemText|LabelText|InformativeText)|(add|insert)(Action|Menu|Tab|Item|Items|Section)
    |Q(Label|PushButton|CheckBox|RadioButton|GroupBox|Action|ToolButton)|get(Open|Save)FileName|getExistingDirectory
    |drawText|showText|announce|label|paragraph|button|icon_button|restart|show_note|show_problem|show_sentence|Notice
    |[A-Z]\w*(Card|Dialog|State|Strip|Line|Refused)|Card|Refused|Fault""",
    re.VERBOSE,
)
# What takes literals that nobody reads: names of parts, files, formats, logs, mistakes of ours.
HIDDEN = re.compile(
    r"""set(ObjectName|Property|StyleSheet|ApplicationName|DesktopFileName|Style)|Path|icon|pixmap|QKeySequence|getattr
    |(\w+\.)?LOG\.\w+|re\.\w+|os\.environ\.\w+|sys\.std\w+\.write|\w*(Error|Warning)|strftime|dateFormat|toString|TypeVar|urlsplit
    |value|setValue|startswith|endswith|removeprefix|removesuffix|replace|split|rpartition|partition|strip|rstrip""",
    re.VERBOSE,
)
_TRANSLATES = ("tr", "QT_TR_NOOP")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_WORDS = re.compile(r"[^\W\d_]{2,}[^\w\s./\\-]* +[^\W\d_]{2,}")
_WORD_BY_VALUE = re.compile(r"(?:^|[\s(])[^\W\d_]{2,}(?=$|[\s),.;!?…])")


@dataclass(frozen=True)
class Source:
    """One module, as a tree in which every part knows what it is in."""

    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text("utf-8"))

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def above(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Yield what a node is in, from within, each with the part of it that leads to the node."""
        while (parent := self.parents.get(node)) is not None:
            yield parent, node
            node = parent

    def literals(self) -> Iterator[tuple[ast.expr, str]]:
        """Yield the literals that are no docstrings, with their words; f-strings as a whole, with {} for each value."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.JoinedStr):
                yield node, "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                parent = self.parents[node]
                if not isinstance(parent, ast.Expr | ast.JoinedStr | ast.FormattedValue):
                    yield node, node.value

    def calls(self, node: ast.AST) -> Iterator[str]:
        """Yield the names of the calls that have a node in an argument."""
        for above, part in self.above(node):
            if isinstance(above, ast.Call) and part is not above.func:
                yield name_of(above.func)
            if isinstance(above, ast.stmt):
                return

    def place(self, node: ast.expr) -> str:
        return f"{self.path}:{node.lineno}: {ast.unparse(node)}"


def name_of(function: ast.expr) -> str:
    """Return the name of what is called; of a method with what it is called on."""
    if isinstance(function, ast.Attribute):
        return f"{name_of(function.value)}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else "()"


def untranslated(source: Source) -> Iterator[tuple[str, str]]:
    """Yield the literals that a person would read and that are not led through translation: place and words."""
    for node, words in source.literals():
        if not _LETTERS.search(words) or _is_data(source, node):
            continue
        calls = [name.rpartition(".")[2] for name in source.calls(node)]
        if any(name in _TRANSLATES for name in calls):
            continue
        reads = (_WORD_BY_VALUE if isinstance(node, ast.JoinedStr) else _WORDS).search(words)
        if reads or (calls and SHOWS.fullmatch(calls[0]) and words[:1].isupper()):
            yield source.place(node), words


def _is_data(source: Source, node: ast.expr) -> bool:
    """Say whether a literal is a key, compared with, a type, a value of an enumeration, or given to what hides it."""
    if any(HIDDEN.fullmatch(name) or HIDDEN.fullmatch(name.rpartition(".")[2]) for name in source.calls(node)):
        return True
    return any(_hides(above, part) for above, part in source.above(node))


def _hides(above: ast.AST, part: ast.AST) -> bool:
    match above:
        case ast.Compare() | ast.arg():
            return True
        case ast.AnnAssign():
            return part is above.annotation
        case ast.Subscript():
            return part is above.slice
        case ast.FunctionDef():
            return part is above.returns
        case ast.ClassDef():
            return any(name_of(base) in ("Enum", "StrEnum") for base in above.bases)
        case ast.Dict():
            return part in above.keys
    return False


def misused(source: Source) -> Iterator[str]:
    """Yield the calls of translation that ``pyside6-lupdate`` does not find, or that give a wrong text."""
    for node in ast.walk(source.tree):
        translates = isinstance(node, ast.Call) and name_of(node.func).rpartition(".")[2] in _TRANSLATES
        if translates and not _is_right(source, node):
            yield source.place(node)


def unshown(source: Source, shared: set[str]) -> Iterator[str]:
    """Yield where a constant of :func:`marked` is used as it is; ``shared`` are the names of other modules."""
    constants = marked(source) | shared
    for node in ast.walk(source.tree):
        used = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in constants
        if used and "tr" not in source.calls(node):
            yield source.place(node)


def marked(source: Source) -> set[str]:
    """Return the names of the module's constants that are one text, to be translated when it is shown."""
    made = [node for node in source.tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)]
    targets = [node.targets[0] for node in made if name_of(node.value.func) == "QT_TR_NOOP"]  # type: ignore[union-attr]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def texts(source: Source) -> set[str]:
    """Return the literals that are led through translation."""
    calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call) and node.args]
    found = [node.args[0] for node in calls if name_of(node.func).rpartition(".")[2] in _TRANSLATES]
    return {text.value for text in found if isinstance(text, ast.Constant)}


def _is_right(source: Source, call: ast.Call) -> bool:
    match call.args[0]:
        case ast.Constant(value=str(text)):
            found = not any(isinstance(above, ast.JoinedStr) for above, _ in source.above(call))
            return found and _counts_right(call, text) and _fills(source, call, text)
        case ast.JoinedStr() | ast.BinOp():
            return False
    return True


def _counts_right(call: ast.Call, text: str) -> bool:
    """Say whether a text with a number is given one, by the function that knows the two forms of English."""
    counts = "%Ln" in text
    return counts == (len(call.args) == 3) and not (counts and name_of(call.func) != "tr")


def _fills(source: Source, call: ast.Call, text: str) -> bool:
    """Say whether ``format`` is given what the text asks for, where that is said at once."""
    attribute = source.parents[call]
    filling = source.parents.get(attribute)
    if not (isinstance(attribute, ast.Attribute) and attribute.attr == "format" and isinstance(filling, ast.Call)):
        return True
    wanted = set(re.findall(r"\{(\w+)\}", text))
    return wanted == {keyword.arg for keyword in filling.keywords}
