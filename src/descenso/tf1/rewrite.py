"""Write a program as a script that runs on TensorFlow 2 without descenso."""

import ast
import re
import shlex
import textwrap
from pathlib import Path
from typing import NamedTuple

from descenso.data.named import BUNDLED
from descenso.errors import ConfigError, DiskError
from descenso.text import _, language
from descenso.tf1.pieces import CONTRIB, DISPLAY, FIGURES, GRAPHS, LOADED, MODULES, OLD, SHOW, commented
from descenso.tf1.program import RUNNING, Block, Program
from descenso.tf1.running import HELPERS

LOADS = re.compile(r"(?<!fashion_)mnist\b(?s:.*)\bload_data\b")
AS_THEY_ARE = ("keras", "python", "compat")  # packages of tensorflow that both versions have, or none
SCREENS = re.compile(r"(matplotlib|mpl)\.use|\w+\.switch_backend")  # choices of a backend, which may need a screen
CODING = re.compile(r"^(#.*?coding[:=][ \t]*)[-\w.]+")
OURS = re.compile(r"^# Of descenso: .*\n\n?", re.MULTILINE)  # comments that are not for a script


class Edit(NamedTuple):
    """Replacement of a piece of text; lines from 1, columns in bytes of UTF-8."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str

    @classmethod
    def of(cls, node: ast.stmt | ast.expr, text: str) -> "Edit":
        """Replace the whole of `node`."""
        return cls(node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0, text)


def write_script(file: Path, programs: list[Program], out: Path) -> list[str]:
    """Write the program in `file` to the new script `out`; return notes on what it leaves to the reader.

    Raises:
        ConfigError: if `out` is there, or `file` holds programs for both versions of TensorFlow.
        DiskError: if `out` cannot be written.
    """
    programs = [each for each in programs if any(block.plain.strip() for block in each.blocks)] or programs[:1]
    if len(programs) > 1:
        message = _(
            "{file}: programs for both versions of TensorFlow (%tensorflow_version); give each a file of its own"
        )
        raise ConfigError(message.format(file=file))
    text = script(file, programs[0])
    compile(text, str(out), "exec", dont_inherit=True)
    try:
        with out.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
    except FileExistsError:
        raise ConfigError(_("{out} is there already, and is not replaced; give another name").format(out=out)) from None
    except OSError as error:
        raise DiskError(_("{out} cannot be written ({reason})").format(out=out, reason=error.strerror)) from None
    notes = [
        _("{file}: {place} is left out: {line}").format(file=file, place=place.text, line=line)
        for place, line in programs[0].left_out
    ]
    message = _("{out}: {module} is imported as it is; if it needs TensorFlow 1, port it, too")
    notes += [message.format(out=out, module=module) for module in programs[0].beside if programs[0].old]
    if "_input_data()" in text:
        note = _("{out}: MNIST is downloaded; without a network, descenso's own files: MNIST={folder} python {out}")
        notes.append(note.format(out=out, folder=shlex.quote(str(BUNDLED))))
    if "google.colab" in text:
        notes.append(_("{out}: google.colab is not outside of Colab; replace what is read through it").format(out=out))
    return notes


def script(file: Path, program: Program) -> str:
    """Return the text of the script."""
    notebook = file.suffix.lower() == ".ipynb"
    writer = _Writer(file, program.old, notebook)
    bodies = [writer.written(block) for block in program.blocks]
    parts = [_("Written by `descenso port` from {file}, for TensorFlow 2.").format(file=file.name)]
    parts = [f"# {parts[0]}\n"]
    contrib = any(symbol.startswith("contrib.layers") for symbol in program.answered)
    layers = contrib or any(symbol.removeprefix("compat.v1.").startswith("layers") for symbol in program.answered)
    parts += [OLD] if program.old or layers else []
    parts += [GRAPHS] if program.graphs else []
    loads = bool(LOADS.search("".join(bodies)))
    if loads or "_input_data()" in "".join(bodies):
        parts.append(_function("input_data"))
    parts += [LOADED] if loads else []
    parts += [_function("layers"), "_v1.layers = _layers()\n"] if layers else []
    parts += [_function("contrib"), CONTRIB] if contrib else []
    shown = {"_show(": SHOW, "display(": DISPLAY} if notebook else {}
    parts += [
        commented(code) for call, code in shown.items() if re.search(rf"(?<![\w.]){re.escape(call)}", "".join(bodies))
    ]
    if writer.drawing:
        parts.append(commented(FIGURES))
    lines = "".join(bodies).split("\n")
    head, body = lines[: writer.head], lines[writer.head :]
    prelude = "\n".join(("\n" if part.startswith(("def ", "import pathlib")) else "") + part for part in parts)
    prelude += "\n" if len(parts) > 1 else ""
    begin = [f"from __future__ import {', '.join(writer.future)}"] if writer.future else []
    end = ["_save_figures()", ""] if writer.drawing else []
    return "\n".join([*head, *begin, prelude, *body, *end])


def _function(name: str) -> str:
    """Return a module of `running` as the function `_name` that returns its names, which so do not meet a program's."""
    text = OURS.sub("", (RUNNING / f"{name}.py").read_text(encoding="utf-8"))
    if language() != "en":  # the comments within are in English
        text = _bare(text)
    text = f"# {_(MODULES[name])}\n{text}"
    text = text.replace("from descenso.tf1.running import layers as _layers\n", "_layers = _v1.layers\n")
    returned = "    import types\n\n    return types.SimpleNamespace(**locals())\n"
    return f"def _{name}():\n{textwrap.indent(text, '    ')}\n{returned}"


def _bare(text: str) -> str:
    """Return a program without comments and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return f"{ast.unparse(tree)}\n"


class _Writer:
    """Writes the blocks of a program one after the other.

    Attributes:
        future: names that are imported from `__future__`, which must be at the top.
        drawing: names by which the program draws figures.
        head: number of lines at the top that must stay there: of comments and of a docstring.
    """

    def __init__(self, file: Path, old: bool, notebook: bool) -> None:
        self.file, self.old, self.notebook = file, old, notebook
        self.future: list[str] = []
        self.drawing: list[str] = []
        self.head = 0

    def written(self, block: Block) -> str:
        """Return the text of a block, changed in its lines."""
        tree = ast.parse(block.plain)
        lines = block.plain.split("\n")
        for number in range(min(2, len(lines))):
            lines[number] = CODING.sub(r"\1utf-8", lines[number])
        if not self.notebook:
            first = tree.body[0].lineno - 1 if tree.body else 0
            documented = ast.get_docstring(tree, clean=False) is not None
            self.head = (tree.body[0].end_lineno or 0) if documented else min(first, _comments(lines))
        edits: list[Edit] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                edits += self._import(node)
            elif isinstance(node, ast.Expr) and _only_for_notebooks(node):
                edits.append(Edit.of(node, "pass"))
        if self.notebook:
            edits += self._last(tree, lines)
        text = _edited(lines, edits)
        if not self.notebook:
            return text
        draws = self.drawing and re.search(rf"\b({'|'.join(self.drawing)})\b|\.(plot|hist|boxplot)\(", text)
        saved = "_save_figures()\n" if draws else ""
        cell = _("cell")
        return f"\n# {cell} {block.cell}\n{text.rstrip()}\n{saved}"

    def _last(self, tree: ast.Module, lines: list[str]) -> list[Edit]:
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr) or _only_for_notebooks(last):
            return []
        line, column = last.end_lineno or 0, last.end_col_offset or 0
        if lines[line - 1].encode()[column:].lstrip().startswith(b";"):
            return []
        opened, closed = ("((", "))") if isinstance(last.value, ast.Tuple) else ("(", ")")  # maybe one without its own
        return [Edit(last.lineno, last.col_offset, last.lineno, last.col_offset, f"_show{opened}"),
                Edit(line, column, line, column, closed)]  # fmt: skip

    def _import(self, node: ast.Import | ast.ImportFrom) -> list[Edit]:
        """Return the edits of an import: of TensorFlow, of the tutorials' helper, and of `__future__`."""
        if isinstance(node, ast.ImportFrom):
            if node.module == "__future__":
                self.future += [alias.name for alias in node.names if alias.name not in self.future]
                return [Edit.of(node, "pass")]
            statements = [] if node.level else self._from(str(node.module), node.names)
        else:
            statements = [self._whole(alias) for alias in node.names]
        names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else {str(node.module)}
        if any(name.partition(".")[0] in ("matplotlib", "pylab", "seaborn") for name in names):
            self.drawing += [alias.asname or alias.name.partition(".")[0] for alias in node.names if alias.name != "*"]
            self.drawing += ["plot"] if node.names[0].name == "*" else []
        return [Edit.of(node, "; ".join(statements))] if "; ".join(statements) != ast.unparse(node) else []

    def _whole(self, alias: ast.alias) -> str:
        name, bound = alias.name, alias.asname
        if name in HELPERS and (bound or "." not in name) and not self._beside(name):
            return f"{bound or name} = _input_data()"
        if self.old and name == "tensorflow":
            return f"import tensorflow.compat.v1 as {bound or name}"
        root, _dot, rest = name.partition(".")
        if self.old and root == "tensorflow" and bound and rest and rest.partition(".")[0] not in AS_THEY_ARE:
            return f"{bound} = _v1.{rest}"
        return ast.unparse(ast.Import([alias]))

    def _from(self, module: str, names: list[ast.alias]) -> list[str]:
        if module in HELPERS and not self._beside(module):
            return [
                f"{alias.asname or alias.name} = _input_data()"
                + ("" if alias.name == "input_data" else f".{alias.name}")
                for alias in names
            ]
        root, _dot, rest = module.partition(".")
        if self.old and rest.partition(".")[0] == "contrib":  # no module that could be imported
            return [f"{alias.asname or alias.name} = _v1.{rest}.{alias.name}" for alias in names]
        if self.old and root == "tensorflow" and rest.partition(".")[0] not in AS_THEY_ARE:
            module = f"tensorflow.compat.v1.{rest}".rstrip(".")
        return [ast.unparse(ast.ImportFrom(module, names, 0))]

    def _beside(self, name: str) -> bool:
        return self.file.with_name(f"{name}.py").exists()


def _only_for_notebooks(node: ast.Expr) -> bool:
    """Whether a statement speaks to the notebook, or chooses where figures are shown."""
    call = node.value
    if not isinstance(call, ast.Call):
        return False
    return bool(SCREENS.fullmatch(ast.unparse(call.func))) or ast.unparse(call.func).startswith("get_ipython()")


def _comments(lines: list[str]) -> int:
    """Return the number of lines at the top that are comments."""
    return next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))


def _edited(lines: list[str], edits: list[Edit]) -> str:
    """Return the text with `edits` made; a statement of several lines keeps their number."""
    rows = [line.encode() for line in lines]
    for edit in sorted(edits, reverse=True):
        begin, end = rows[edit.line - 1][: edit.column], rows[edit.end_line - 1][edit.end_column :]
        empty = [b""] * (edit.end_line - edit.line)
        rows[edit.line - 1 : edit.end_line] = [begin + edit.text.encode() + end, *empty]
    return b"\n".join(rows).decode()
