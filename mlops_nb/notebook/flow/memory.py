"""What every cell up to here bound and changed, and what the present one needs of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from mlops_nb.notebook.cells import BUILTINS
from mlops_nb.notebook.flow.objects import Binding, Bindings, Frame, Thing, Value, joined, reachable, united

UNCHANGEABLE = frozenset(("text", "path", "library", "function", "method"))


class Memory:
    """The names and objects of a notebook between its cells.

    `needs` are the cells that the present one reads from, each with what flows; `order` pairs of cells that must keep
    their order though nothing flows, since the second overwrites what the first read or wrote.
    """

    def __init__(self) -> None:
        self.cell = 0
        self.globals = Frame()
        self.frame = self.globals
        self.needs: dict[int, dict[str, None]] = {}
        self.reads: dict[str, None] = {}
        self.writes: dict[str, None] = {}
        self.touched: set[Thing] = set()
        self.unsure: set[Thing] = set()
        self.guessed: set[Thing] = set()
        self.order: set[tuple[int, int]] = set()
        self.readers: dict[str, dict[int, None]] = {}
        self.resources: dict[str, Thing] = {}
        self.unknown: dict[str, Thing] = {}
        self.barriers: dict[int, None] = {}
        self.stars: dict[int, None] = {}
        self.depth = 0
        self.weak = 0
        self._seen: dict[tuple[int, str], Bindings] = {}

    def begin(self, cell: int) -> None:
        """From now on this cell runs."""
        self.cell = cell
        self.frame = self.globals
        self.depth = self.weak = 0
        self.needs, self.reads, self.writes = {}, {}, {}
        self.touched, self.unsure, self.guessed, self._seen = set(), set(), set(), {}

    @property
    def is_sure(self) -> bool:
        """Whether what happens now happens whenever the cell runs."""
        return not self.depth and not self.weak

    def need(self, cell: int, what: str) -> None:
        """The present cell reads something of that one."""
        if cell != self.cell:
            self.needs.setdefault(cell, {})[what] = None

    def frame_of(self, name: str) -> Frame | None:
        """The frame of a function, class or comprehension that has the name; None where it is the notebook's."""
        frame: Frame | None = self.frame
        while frame is not None and frame is not self.globals:
            if name in frame.outer:
                return None
            if name in frame.names if frame.local is None else name in frame.local:
                return frame
            frame = frame.parent
        return None

    def load(self, name: str) -> Value:
        """What a name may stand for, read by the present cell."""
        frame = self.frame_of(name)
        if frame is not None:
            bindings = frame.names.get(name, ())
            self._see(frame, name, bindings)
            return united(each.value for each in bindings)
        return self.load_global(name)

    def load_global(self, name: str) -> Value:
        """The same of one of the notebook's names."""
        bindings = self.globals.names.get(name, ())
        if not any(each.cell == self.cell for each in bindings):
            self._note_read(name, bindings)
        if not bindings:
            return self._unbound(name)
        self._see(self.globals, name, bindings)
        return united(each.value for each in bindings)

    def _note_read(self, name: str, bindings: Bindings) -> None:
        self.readers.setdefault(name, {})[self.cell] = None
        if not bindings and name in BUILTINS:
            return
        self.reads[name] = None
        first = min((each.cell for each in bindings), default=-1)
        for cell in (*self.barriers, *self.stars):
            if cell > first:
                self.need(cell, name)

    def _unbound(self, name: str) -> Value:
        if name in BUILTINS:
            return (self.library(f"builtins.{name}"),)
        return (self.unknown.setdefault(name, Thing()),)

    def library(self, name: str) -> Thing:
        """The one object of that dotted name in a library."""
        found = self.unknown.get(name)
        if found is None:
            found = self.unknown[name] = Thing("library", name)
        return found

    def _see(self, frame: Frame, name: str, bindings: Bindings) -> None:
        if self._seen.get((id(frame), name)) is bindings:
            return
        self._seen[id(frame), name] = bindings
        for binding in bindings:
            self.need(binding.cell, name)
            for thing in reachable(binding.value):
                self.see(thing, binding.cell, name)

    def see(self, thing: Thing, since: int, what: str) -> None:
        """The present cell reads an object that it has from something done in the cell `since`."""
        for cell in thing.changed:
            if cell > since:
                self.need(cell, what)
        thing.readers[self.cell] = None

    def bind(self, name: str, value: Value) -> None:
        """A name stands for this now."""
        frame = self.frame
        if frame is self.globals or name in frame.outer:
            self.bind_global(name, value)
        elif frame.local is None or name in frame.local:
            frame.names[name] = (Binding(self.cell, value),)
        elif (outer := self.frame_of(name)) is not None:
            outer.names[name] = joined(outer.names.get(name, ()), (Binding(self.cell, value),))
        else:
            self.bind_global(name, value)

    def bind_global(self, name: str, value: Value) -> None:
        """The same of one of the notebook's names."""
        old = self.globals.names.get(name, ())
        self._after([max(each.cell for each in old)] if old else ())  # which comes after those before it
        self._after(self.readers.pop(name, ()))
        new = (Binding(self.cell, value),)
        self.globals.names[name] = joined(old, new) if self.weak else new
        self.writes[name] = None

    def unbind(self, name: str) -> None:
        """`del name`."""
        self.load(name)
        frame = self.frame_of(name) or self.globals
        if frame is self.globals:
            self.bind_global(name, ())
        frame.names[name] = ()

    def _after(self, cells: Iterable[int]) -> None:
        """The present cell comes after these."""
        for cell in cells:
            if cell != self.cell:
                self.order.add((cell, self.cell))

    def change(self, things: Value, *, sure: bool = True, guess: bool = False) -> None:
        """The objects are changed in place; of several only one, so that none surely is.

        A `guess` is that of which nobody knows whether it changes anything: what an unknown function does.
        """
        sure = sure and not guess and len(things) == 1 and self.is_sure
        for thing in things:
            if thing.kind not in UNCHANGEABLE:
                if guess and thing not in self.touched:
                    self.guessed.add(thing)
                elif not guess:
                    self.guessed.discard(thing)
                self._change(thing, sure)

    def _change(self, thing: Thing, sure: bool) -> None:
        self.touched.add(thing)
        self._after(thing.readers)
        self._after([*thing.changed][-1:])  # those before it come before that one
        thing.readers.clear()
        thing.readers[self.cell] = None
        if sure and not thing.is_one_of_many:
            thing.changed.clear()
        elif self.cell not in thing.changed:
            self.unsure.add(thing)
        thing.changed[self.cell] = None

    def renew(self, name: str) -> None:
        """A name whose object this cell surely changed counts as bound by it: whoever reads it needs no earlier one."""
        if self.frame_of(name) is None:
            bindings = self.globals.names.get(name, ())
            if any(thing.kind == "library" for each in bindings for thing in each.value):
                return
            if len(bindings) == 1 and len(bindings[0].value) == 1 and self.is_sure:
                if bindings[0].cell != self.cell:
                    self._after((bindings[0].cell,))
                self.globals.names[name] = (Binding(self.cell, bindings[0].value),)
                self.readers[name] = {self.cell: None}
            self.writes[name] = None

    def read_resource(self, key: str) -> None:
        """The present cell reads what has no name: a file, the state of a random generator, the plot that is open."""
        thing = self.resources.setdefault(key, Thing(key))
        self.see(thing, -1, key)

    def write_resource(self, key: str, *, sure: bool = True) -> None:
        """The present cell puts something in its place; what was there before is gone if `sure`."""
        self._change(self.resources.setdefault(key, Thing(key)), sure and self.is_sure)

    def barrier(self) -> None:
        """The present cell may read and bind any name."""
        for name in list(self.globals.names):
            self.load_global(name)
        self.barriers[self.cell] = None

    def settle(self, written: Collection[str]) -> None:
        """What the cell wrote was seen: what it only may have changed is as it was, what else it wrote is written."""
        bindings = [self.globals.names.get(name, ()) for name in written]
        values = [united(each.value for each in found if each.cell != self.cell) for found in bindings]
        states = (self.resources.get(name) for name in written)
        other = {*reachable(united(values), seen_too=False), *states}
        for thing in self.unsure - other:
            thing.changed.pop(self.cell, None)
            self.touched.discard(thing)
        for name in written:
            if name in self.resources or not name.isidentifier():
                self._write_state(name)
            elif name not in self.writes and not self._is_touched(name):
                self._write(name)

    def surely_bound(self) -> set[str]:
        """The names that the present cell binds on every path."""
        names = self.globals.names
        return {name for name in self.writes if all(each.cell == self.cell for each in names.get(name, ()))}

    def is_guessed(self, name: str) -> bool:
        """Whether the present cell writes a name only if an unknown function changes what it is given."""
        bindings = self.globals.names.get(name, ())
        things = self.touched.intersection(reachable(united(each.value for each in bindings), seen_too=False))
        return things <= self.guessed and not any(each.cell == self.cell for each in bindings)

    def _is_touched(self, name: str) -> bool:
        value = united(each.value for each in self.globals.names.get(name, ()))
        return any(thing in self.touched for thing in reachable(value, seen_too=False))

    def _write(self, name: str) -> None:
        value = self.load_global(name) if name in self.globals.names else ()
        if any(thing.kind == "library" for thing in value):
            return
        if not any(self.cell == each.cell for each in self.globals.names.get(name, ())):
            self.change(value)
            self.bind_global(name, value or (Thing(),))

    def _write_state(self, name: str) -> None:
        state = self.resources.get(name)
        if state is not None and state not in self.touched:
            self.read_resource(name)
            self.write_resource(name)
        elif state is None and name.startswith("environment:"):
            self.write_resource(name)

    def finish(self) -> None:
        """The cell is over: names whose objects it changed are written by it."""
        if not self.touched:
            return
        for frame, name in self._seen:
            if frame == id(self.globals) and name not in self.writes:
                value = united(each.value for each in self.globals.names.get(name, ()))
                if any(thing in self.touched for thing in reachable(value, seen_too=False)):
                    self.writes[name] = None
