"""Watch the methods of a class, the functions of a module and the coming of a module, and leave no trace.

A class's own functions stay what they are: what is put into the class hands out the original to whoever asks the
class, to a call that is made inside another watched one, and to a library's own code; only the outermost call on
an instance goes through us. Nothing here knows what is done with what is seen.
"""

from __future__ import annotations

import functools
import operator
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, MethodType, ModuleType
from typing import Any
from weakref import WeakSet, ref

End = Callable[[object, "BaseException | None"], None]
"""Is told what a watched call returned, or what it raised."""

Begin = Callable[[object, str, Callable[..., object], tuple[object, ...], Mapping[str, object], FrameType], End]
"""Is told of a watched call: owner (None for a function), name, function, arguments, and the frame that makes it."""


class _Here(threading.local):
    """Whether this thread is inside a watched call."""

    is_inside = False


_here = _Here()
_inner_threads: WeakSet[threading.Thread] = WeakSet()


def _is_inside() -> bool:
    return _here.is_inside or (bool(_inner_threads) and threading.current_thread() in _inner_threads)


class Watch:
    """What is watched, by whom: everything that is put in place, and how to take it away again.

    Args:
        internals: modules, with what is in them, whose own calls are not seen.
        begin: is told of every outermost call; must not raise.
    """

    def __init__(self, internals: Sequence[str], begin: Begin) -> None:
        self.internals = tuple(internals)
        self.begin = begin
        self.is_on = True
        self._undo: list[Callable[[], None]] = []
        self._threads()

    def stop(self) -> None:
        """Put everything back as it was."""
        self.is_on = False
        while self._undo:
            self._undo.pop()()

    def is_wanted(self, caller: FrameType) -> bool:
        """Whether a call that this frame makes is an outermost one, made by nobody's internals."""
        if not self.is_on or _is_inside():
            return False
        name = caller.f_globals.get("__name__", "")
        return not (
            isinstance(name, str) and any(name == each or name.startswith(f"{each}.") for each in self.internals)
        )

    def _threads(self) -> None:
        """A thread that a watched call starts is a part of that call."""
        start = threading.Thread.start

        @functools.wraps(start)
        def watched(thread: threading.Thread) -> None:
            if _is_inside():
                _inner_threads.add(thread)
            start(thread)

        threading.Thread.start = watched  # type: ignore[method-assign,assignment]
        self._undo.append(lambda: _put_back(threading.Thread, "start", watched, start))

    def methods(self, base: type, names: Iterable[str]) -> None:
        """Watch these methods of a class and of all that derive from it, now or later."""
        wanted = tuple(names)

        def watch(kind: type) -> None:
            for each in kind.__mro__[:-1]:
                for name in wanted:
                    self._method(each, name)

        for kind in _family(base):
            watch(kind)
        self._follow(base, watch)

    def _method(self, kind: type, name: str) -> None:
        original = kind.__dict__.get(name)
        if original is None or isinstance(original, WatchedMethod | classmethod | staticmethod | property | type):
            return
        if not hasattr(original, "__get__"):
            return
        watched = WatchedMethod(original, name, self)
        with suppress(TypeError, AttributeError):  # a class may refuse to be changed
            setattr(kind, name, watched)
            there = ref(kind)
            self._undo.append(lambda: self._unwatch(there(), name))

    def _unwatch(self, kind: type | None, name: str) -> None:
        """Give a class its method back; neither is kept alive, a method may hold its class."""
        watched = kind.__dict__.get(name) if kind is not None else None
        if isinstance(watched, WatchedMethod) and watched.watch is self:
            setattr(kind, name, watched.original)

    def _follow(self, base: Any, watch: Callable[[type], None]) -> None:
        """Watch a class that is derived later as soon as it is made."""
        own = base.__dict__.get("__init_subclass__")

        def __init_subclass__(cls: Any, /, **kwargs: object) -> None:
            (own.__get__(None, cls) if own else super(base, cls).__init_subclass__)(**kwargs)
            if self.is_on:
                watch(cls)

        made: Any = classmethod(__init_subclass__)
        base.__init_subclass__ = made

        def undo() -> None:
            if base.__dict__.get("__init_subclass__") is made:
                if own is None:
                    del base.__init_subclass__
                else:
                    base.__init_subclass__ = own

        self._undo.append(undo)

    def function(self, module: ModuleType, name: str) -> None:
        """Watch a function of a module, also under the names that others have imported it by.

        A function that a decorator wraps keeps the original in a closure; the original is replaced there, so that
        the function everybody holds stays the same object. Any other is replaced in its module.
        """
        function = module.__dict__.get(name)
        if not callable(function) or getattr(function, "is_of_mlops_nb", False):
            return
        original: Any = getattr(function, "__wrapped__", None)
        cells = getattr(function, "__closure__", None) or ()
        cell = next((each for each in cells if original is not None and each.cell_contents is original), None)
        if cell is not None:
            cell.cell_contents = inner = self._function(original, name, depth=2)
            self._undo.append(lambda: _refill(cell, inner, original))
            return
        watched = self._function(function, name, depth=1)
        setattr(module, name, watched)
        self._undo.append(lambda: _put_back(module, name, watched, function))

    def _function(self, original: Callable[..., object], name: str, depth: int) -> Callable[..., object]:
        @functools.wraps(original)
        def watched(*args: object, **kwargs: object) -> object:
            __tracebackhide__ = True
            if not self.is_wanted(sys._getframe(depth)):
                return original(*args, **kwargs)
            with self.telling(None, name, original, args, kwargs, sys._getframe(depth)) as results:
                results.append(original(*args, **kwargs))
            return results[0]

        watched.is_of_mlops_nb = True  # type: ignore[attr-defined]
        return watched

    @contextmanager
    def telling(
        self,
        owner: object,
        name: str,
        call: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        caller: FrameType,
    ) -> Iterator[list[object]]:
        """Tell of a call before and after it is made in this block, which puts its result into the list.

        The call itself stays in the watched function: another frame of ours would show in every traceback.
        """
        _here.is_inside = True
        try:
            end = self.begin(owner, name, call, args, kwargs, caller)
            results: list[object] = []
            try:
                yield results
            except BaseException as raised:
                end(None, raised)
                raise
            end(results[0], None)
        finally:
            _here.is_inside = False

    def arrival(self, module: str, then: Callable[[ModuleType], None]) -> None:
        """Call `then` with a module: at once when it is imported, else as soon as it is."""
        there = sys.modules.get(module)
        if there is not None and not getattr(there.__spec__, "_initializing", False):
            then(there)
            return
        finder = _Arrival(module, then)
        sys.meta_path.insert(0, finder)
        self._undo.append(finder.leave)


def _family(base: type) -> set[type]:
    """A class and all that derive from it."""
    found: set[type] = set()
    rest = [base]
    while rest:
        kind = rest.pop()
        if kind not in found:
            found.add(kind)
            rest.extend(type.__subclasses__(kind))
    return found


def _put_back(owner: Any, name: str, ours: object, original: object) -> None:
    if owner is not None and owner.__dict__.get(name) is ours:
        setattr(owner, name, original)


def _refill(cell: Any, ours: object, original: object) -> None:
    if cell.cell_contents is ours:
        cell.cell_contents = original


class WatchedMethod:
    """Stands for a method in its class.

    Pickled by value (cloudpickle does that to a class of `__main__`) it is the original again.
    """

    def __init__(self, original: Any, name: str, watch: Watch) -> None:
        self.original, self.name, self.watch = original, name, watch
        functools.update_wrapper(self, original)  # type: ignore[arg-type]
        self.function = _through(original, name, watch)

    def __get__(self, owner: object, kind: type | None = None) -> Any:
        bound = self.original.__get__(owner, kind)
        if owner is None or not self.watch.is_wanted(sys._getframe(1)):
            return bound
        return MethodType(self.function, owner)

    def __reduce__(self) -> Any:
        return operator.getitem, ((self.original,), 0)


def _through(original: Any, name: str, watch: Watch) -> Callable[..., object]:
    @functools.wraps(original)
    def watched(owner: Any, /, *args: object, **kwargs: object) -> object:
        __tracebackhide__ = True
        call = original.__get__(owner, type(owner))
        if not watch.is_wanted(sys._getframe(1)):
            return call(*args, **kwargs)
        with watch.telling(owner, name, call, args, kwargs, sys._getframe(1)) as results:
            results.append(call(*args, **kwargs))
        return results[0]

    return watched


class _Arrival(MetaPathFinder):
    """Waits for one module to be imported."""

    def __init__(self, module: str, then: Callable[[ModuleType], None]) -> None:
        self.module, self.then = module, then
        self._is_asking = False

    def leave(self) -> None:
        """Wait no longer."""
        with suppress(ValueError):
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The module's spec as the others find it, its loader telling us when it has run."""
        if name != self.module or self._is_asking:
            return None
        self._is_asking = True
        try:
            found = (each.find_spec(name, path, target) for each in list(sys.meta_path) if hasattr(each, "find_spec"))
            spec = next((each for each in found if each is not None), None)
        finally:
            self._is_asking = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Telling(spec.loader, self)
        return spec


class _Telling(Loader):
    """A loader that tells when the module has run, and leaves the module with its own loader."""

    def __init__(self, loader: Any, waiting: _Arrival) -> None:
        self.loader, self.waiting = loader, waiting

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the loader does."""
        spec.loader = self.loader
        made: ModuleType | None = self.loader.create_module(spec)
        spec.loader = self
        return made

    def exec_module(self, module: ModuleType) -> None:
        """As the loader does, then tell."""
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.waiting.leave()
        with suppress(Exception):  # the import itself went well
            self.waiting.then(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)
