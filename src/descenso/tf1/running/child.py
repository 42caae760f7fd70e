"""Run a program in this process, as `descenso.tf1.run` wrote it into the file that is the only argument."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file, where the program must not import from

import __future__

import ast
import builtins
import functools
import json
import linecache
import os
import re
import sysconfig
import traceback
import types
from pathlib import Path
from typing import Any

from descenso.tf1.running import answers

FRAME = re.compile(r'^ +File "(?P<file>[^"\n]+)", line (?P<line>\d+).*\n(?:    (?! *File ").*\n)*', re.MULTILINE)
PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
LIBRARIES = (os.path.realpath(sysconfig.get_paths()["stdlib"]), str(Path(__file__).resolve().parents[2]))
MOST = 2**16  # characters of an exception's text in the report


class Program:
    """A program and the namespace in which it runs.

    Args:
        job: what to run, as `descenso.tf1.run.run` describes it.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self.path, self.notebook, self.blocks = job["path"], job["notebook"], job["blocks"]
        self.folder = os.path.realpath(Path(self.path).parent)
        self.main = types.ModuleType("__main__")
        self.is_users = functools.cache(self._is_users)  # it is asked at every import, also those in functions
        vars(self.main).update({"__cell__": self.path} if self.notebook else {"__file__": self.path})
        if self.notebook or any("get_ipython" in block["plain"] for block in self.blocks):
            vars(self.main).update(answers.notebook_names())
        self.future = 0  # flags of the compiler that `from __future__` has set, which stay for later cells

    def file_name(self, cell: int | None) -> str:
        """Return the name of a block in tracebacks."""
        return f"{self.path}[{cell}]" if cell else str(self.path)

    def _is_users(self, file: str) -> bool:
        """Whether `file` is the program or a module beside it, and none of a library."""
        if file == self.path or re.fullmatch(re.escape(self.path) + r"\[\d+\]", file):
            return True
        real = os.path.realpath(file) if file else ""
        inside = real.startswith(self.folder + os.sep) and not any(part in real for part in PACKAGES)
        return inside and not any(real.startswith(path + os.sep) for path in LIBRARIES)

    def run(self) -> None:
        """Run the blocks one after another."""
        for block in self.blocks:
            name = self.file_name(block["cell"])
            if self.notebook:
                lines = block["written"].splitlines(keepends=True)
                linecache.cache[name] = (len(block["written"]), None, lines, name)
            tree = ast.parse(block["plain"], name)
            last = self._shown(tree, block["plain"])
            code = compile(tree, name, "exec", self.future, dont_inherit=True)
            self.future |= code.co_flags & __future__.annotations.compiler_flag
            exec(code, vars(self.main))  # noqa: S102 - it is what the user asked for
            if last is not None:
                value = eval(compile(last, name, "eval", self.future, dont_inherit=True), vars(self.main))  # noqa: S307
                if value is not None:
                    print(repr(value), flush=True)  # noqa: T201
            if self.notebook:
                _figures(False)

    def _shown(self, tree: ast.Module, text: str) -> ast.Expression | None:
        """Take the last expression out of a cell, if a notebook shows its value; ; at its end hides it."""
        if not self.notebook or not tree.body or not isinstance(tree.body[-1], ast.Expr):
            return None
        last = tree.body[-1]
        rest = "\n".join(text.split("\n")[(last.end_lineno or 1) - 1 :]).encode()
        if rest[last.end_col_offset or 0 :].lstrip().startswith(b";"):
            return None
        tree.body.pop()
        return ast.Expression(last.value)

    def place_of(self, error: BaseException) -> tuple[int | None, int] | None:
        """Return the cell and the line of the program's last call before `error`, outside of it None."""
        found = None
        for frame, line in traceback.walk_tb(error.__traceback__):
            name = frame.f_code.co_filename
            cell = re.fullmatch(re.escape(self.path) + r"\[(\d+)\]", name)
            if cell or name == self.path:
                found = (int(cell[1]) if cell else None, line)
        return found

    def told(self, error: BaseException) -> str:
        """Return the traceback of `error` with the frames of the program only."""
        cut: BaseException | None = error
        while cut is not None:  # drop errors that a library caught and replaced
            for name in ("__cause__", "__context__"):
                earlier = getattr(cut, name)
                if earlier is not None and not any(
                    self.is_users(frame.f_code.co_filename) for frame, _line in traceback.walk_tb(earlier.__traceback__)
                ):
                    setattr(cut, name, None)
            cut = cut.__cause__ or cut.__context__
        text = "".join(traceback.format_exception(error))
        return FRAME.sub(lambda frame: frame[0] if self.is_users(frame["file"]) else "", text)


def _figures(but_written: bool) -> list[str]:
    if "descenso.tf1.running.figures" not in sys.modules:
        return []
    from descenso.tf1.running import figures

    figures.save_all(but_written)
    return [str(path) for path in figures.Saved.paths]


def _ended(program: Program) -> dict[str, Any]:
    """Run `program`; return its exit code and its error, None for none."""
    try:
        program.run()
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return {"exit_code": (error.code or 0) & 0xFF, "error": None}
        print(error.code, file=sys.stderr)  # noqa: T201 - as Python does
        return {"exit_code": 1, "error": None}
    except BaseException as error:  # a program may raise anything, and Ctrl-C is reported, too
        sys.stdout.flush()
        cell, line = program.place_of(error) or (None, None)
        stopped = isinstance(error, KeyboardInterrupt)
        if not stopped:
            print(program.told(error), end="", file=sys.stderr, flush=True)  # noqa: T201
        text = f"{type(error).__name__}: {error}"[-MOST:]
        told = {"text": text, "cell": cell, "line": line}
        return {"exit_code": 130 if stopped else 1, "error": told}
    return {"exit_code": 0, "error": None}


def main() -> None:
    """Run the program that the file of the only argument describes, and write its outcome beside the file."""
    job_path = Path(sys.argv[1])
    job = json.loads(job_path.read_text(encoding="utf-8"))
    program = Program(job)
    sys.argv = [job["path"], *job["arguments"]]
    sys.path.insert(0, program.folder)
    sys.modules["__main__"] = program.main
    answers.refuse_network()
    builtins.__import__ = answers.Imports(program.is_users, job["old"], job["graphs"])
    report = _ended(program)
    try:
        figures = _figures(not program.notebook)
    except Exception as error:  # Matplotlib may raise anything for a figure that it cannot draw
        answers.say(str(error))
        figures = []
    job_path.with_name("report.json").write_text(json.dumps({**report, "figures": figures}), encoding="utf-8")
    sys.exit(report["exit_code"])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # before the program began, or after its end
        sys.exit(130)
