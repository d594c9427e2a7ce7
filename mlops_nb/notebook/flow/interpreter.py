"""Runs cells on objects of which only what the text tells is known: who binds what, who changes what.

Every branch is taken, every loop runs twice, a function runs where it is called, with the arguments it is called with.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from mlops_nb.notebook.flow import effects
from mlops_nb.notebook.flow.objects import Value
from mlops_nb.notebook.flow.statements import Statements
from mlops_nb.notebook.ipython_syntax import CellText, cell_text, cell_tree


class Interpreter(Statements):
    """A memory that can run cells."""

    def run_cell(
        self, cell: int, source: str, written: Collection[str] | None = None, *, is_whole: bool = True
    ) -> None:
        """Run a cell's text.

        Args:
            cell: its number.
            source: its text.
            written: the names that it was seen to bind or change, where it was seen.
            is_whole: whether it came to its end.
        """
        self.begin(cell)
        self.steps = 0
        self.weak = int(not is_whole)
        text = cell_text(source)
        tree = cell_tree(source)
        if tree is None:
            return
        self.cell_magics(text)
        try:
            self._run_statements(tree.body, text)
        except RecursionError:
            self.barrier()
        self.frame = self.globals
        self.weak = self.depth = 0
        if written is not None:
            self.settle(written)
        self.finish()

    def _run_statements(self, body: Sequence[ast.stmt], text: CellText) -> None:
        escapes = list(text.escapes)
        for statement in body:
            while escapes and escapes[0].line <= (statement.end_lineno or statement.lineno):
                self.escape(escapes.pop(0))
            is_last = statement is body[-1]
            value = self._run_statement(statement, is_shown=is_last and not text.source.rstrip().endswith(";"))
            if is_last and isinstance(statement, ast.Expr) and text.is_python:
                self._show(statement.value, value)
        for escape in escapes:
            self.escape(escape)

    def _run_statement(self, statement: ast.stmt, *, is_shown: bool) -> Value:
        self.used.clear()
        if not isinstance(statement, ast.Expr):
            self.do(statement)
            return ()
        return self._expression(statement.value, is_shown=is_shown)

    def _show(self, node: ast.expr, value: Value) -> None:
        """The value of a cell's last expression is displayed and kept as `_`."""
        if isinstance(node, ast.Constant) and node.value in (None, ...):
            return
        is_call = isinstance(node, ast.Call)
        if is_call and isinstance(node.func, ast.Name) and node.func.id in ("print", "display", "exec", "setattr"):  # type: ignore[attr-defined]
            return
        self.show()
        self.use(value)
        self.shown.append((self.cell, value, not is_call or bool(value) or self._gives_value(node)))

    def _gives_value(self, node: ast.expr) -> bool:
        called = node.func if isinstance(node, ast.Call) else node
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        return name in effects.SCALAR_BUILTINS or name in effects.PURE_METHODS
