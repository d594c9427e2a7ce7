"""What cells do to the world outside their names: files, environment, random states, plots, settings, shell lines."""

from __future__ import annotations

import ast
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator

from mlops_nb.notebook.flow import effects
from mlops_nb.notebook.flow.memory import Memory
from mlops_nb.notebook.ipython_syntax import CellMagic, CellText, Escape

FILE, ANY_FILE, PLOTS, FOLDER = "file:", "file:*", "plots", "working folder"

_READERS = re.compile(
    r"(?:read|load|open|scan|from)_?(?:csv|json|excel|parquet|feather|pickle|table|fwf|hdf|orc|stata|sas|spss|sql\w*|xml|"
    r"html|text|bytes|txt|npy|npz|image|img|file|ipc|avro|ndjson|delta|clipboard|model|dataset|disk|pretrained|weights)?"
    r"|loadtxt|genfromtxt|fromfile|imread|memmap|safe_load|full_load|loadmat|fetch_\w+|exists|isfile|isdir|stat|getsize|"
    r"is_file|is_dir|ImageFolder|from_file|hub_load|parse|read|listdir|scandir|glob|iglob|rglob|iterdir|walk|getmtime"
)
_WRITERS = re.compile(
    r"to_(?:csv|json|excel|parquet|feather|pickle|hdf|orc|stata|xml|html|latex|markdown|string|file|disk|netcdf|zarr|"
    r"image)|save\w*|dump\w*|write_\w+|imsave|imwrite|savefig|tofile|mkdir|makedirs|touch|rename|replace|remove|unlink|"
    r"rmtree|rmdir|copy\w*|move|sink_\w+|export_\w+|mknod|symlink|symlink_to|urlretrieve|extractall|unpack_archive|"
    r"make_archive|truncate|chmod"
)
_FOLDER_READERS = frozenset(("listdir", "scandir", "glob", "iglob", "rglob", "iterdir", "walk", "ImageFolder"))
_TWO_PATHS = frozenset(("rename", "replace", "copy", "copy2", "copyfile", "copytree", "move"))
_KEEPING = frozenset(("mkdir", "makedirs", "remove", "unlink", "rmtree", "truncate", "touch"))


class Outside(Memory):
    """A memory with files, environment and the other states that have no name."""

    def files(self) -> list[str]:
        """The files that are known, each as its resource's key."""
        return [key for key in self.resources if key.startswith(FILE)]

    def read_file(self, path: str | None) -> None:
        """The cell reads a file, or what lies in a folder; None: which is not known."""
        self._look_at_folder()
        if (path := _normal(path)) is None or any(sign in path for sign in "*?["):
            for key in self.files():
                self.read_resource(key)
            return
        self.read_resource(FILE + path)
        self.read_resource(ANY_FILE)
        for key in self.files():
            if key.startswith(f"{FILE}{path}/") or (key != FILE + path and f"{FILE}{path}".startswith(f"{key}/")):
                self.read_resource(key)

    def write_file(self, path: str | None, *, adds: bool = False) -> None:
        """The cell writes a file; with `adds` what was in it stays."""
        self._look_at_folder()
        if (path := _normal(path)) is None:
            self.write_resource(ANY_FILE, sure=False)
            return
        for key in self.files():
            if f"{FILE}{path}".startswith(f"{key}/") or key == ANY_FILE:
                self.read_resource(key)
        if adds:
            self.read_resource(FILE + path)
        self.write_resource(FILE + path)

    def _look_at_folder(self) -> None:
        if FOLDER in self.resources:
            self.read_resource(FOLDER)

    def read_environment(self, name: str | None) -> None:
        """An environment variable is read; None: any."""
        for key in self.resources:
            if key.startswith("environment:") and (name is None or key.partition(":")[2] == name):
                self.read_resource(key)
        self.read_resource("environment:*")
        if name is not None:
            self.read_resource(f"environment:{name}")

    def write_environment(self, name: str | None) -> None:
        """An environment variable is set; None: any."""
        self.write_resource(f"environment:{name or '*'}", sure=name is not None)

    def draw(self, state: str) -> None:
        """A random number is drawn from a state that the whole process shares, where it was ever seeded."""
        key = f"random state of {state}"
        if key in self.resources:
            self.read_resource(key)
            self.write_resource(key)

    def seed(self, state: str) -> None:
        """The state is set."""
        self.write_resource(f"random state of {state}")

    def plot(self, *, starts: bool = False, ends: bool = False) -> None:
        """Something is drawn in the figure that is open; `starts`: in a new one; `ends`: it is shown and closed."""
        self.read_setting("matplotlib", "")
        if not starts:
            self.read_resource(PLOTS)
        self.write_resource(PLOTS)
        if ends and self.is_sure:
            self.resources[PLOTS].changed = {}

    def read_setting(self, library: str, name: str) -> None:
        """A library is used: what was set for it, or for this part of it, is read."""
        prefix = f"settings of {library}"
        for key in [key for key in self.resources if key.startswith(prefix)]:
            part = key[len(prefix) + 1 :]
            if not name or not part or f"{name}.".startswith(f"{part}.") or f"{part}.".startswith(f"{name}."):
                self.read_resource(key)

    def write_setting(self, library: str, name: str = "") -> None:
        """Something is set for a library."""
        library = {"seaborn": "matplotlib", "pylab": "matplotlib"}.get(library, library)
        self.write_resource(f"settings of {library}:{name}", sure=False)

    def show(self) -> None:
        """Something is printed or displayed, as the settings for display say."""
        for library in ("numpy", "pandas", "torch"):
            self.read_setting(library, "")

    def call_on_files(self, called: str, path: str | None, second: str | None, mode: str | None) -> bool:
        """A function that reads or writes files is called; whether it was one."""
        if called == "open":
            mode = mode or "r"
            writes = any(sign in mode for sign in "wax+")
            if not writes or "+" in mode:
                self.read_file(path)
            if writes:
                self.write_file(path, adds="w" not in mode)
        elif called in _TWO_PATHS:
            self.read_file(path)
            self.write_file(second)
        elif _WRITERS.fullmatch(called):
            self.write_file(
                path, adds=called in ("mkdir", "makedirs", "remove", "unlink", "rmtree", "truncate", "touch")
            )
        elif _READERS.fullmatch(called):
            self.read_file(path)
        else:
            return False
        return True

    def shell(self, command: str) -> None:
        """A command of the shell runs."""
        self.read_environment(None)
        if match := re.match(r"\s*(?:python\d?\s+-m\s+)?pip3?\s+install\s+(.*)", command):
            for word in match[1].split():
                self.write_resource(f"package:{_module_of(word)}")
            return
        if effects.HARMLESS_COMMANDS.match(command):
            return
        self.read_file(None)
        if not effects.READING_COMMANDS.match(command):
            targets = re.findall(r">\s*([\w./-]+)\s*$", command)
            for path in targets or (None,):
                self.write_file(path)

    def escape(self, escape: Escape) -> None:
        """A line that only IPython understands."""
        if escape.kind == "shell":
            self.shell(escape.text)
        elif escape.kind == "magic":
            self._line_magic(escape.name, escape.text)

    def _line_magic(self, name: str, text: str) -> None:
        if name in ("env", "set_env"):
            key, _, value = text.replace("=", " ", 1).partition(" ")
            (self.write_environment if value else self.read_environment)(key or None)
        elif name in ("cd", "pushd", "popd"):
            self.read_file(_word(text, -1))
            self.write_resource(FOLDER)
        elif name in ("pip", "conda", "mamba", "uv"):
            self.shell(f"pip {text}")
        elif name == "run":
            self.read_file(_word(text, 0))
            self.barrier()
        elif name in ("cat", "head", "less", "more", "ls", "ll", "pycat"):
            self.read_file(None)
        elif name == "writefile":
            self.write_file(_word(text, -1))
        elif name not in effects.LINE_MAGICS_WITHOUT_EFFECT:
            self.barrier()

    def cell_magics(self, text: CellText) -> None:
        """The magics at the top of a cell."""
        for magic in text.magics:
            if magic.name in ("writefile", "file"):
                words = _words(magic.text)
                self.write_file(_word(magic.text, -1), adds="-a" in words)
            elif not text.is_python and magic is text.magics[-1]:
                self._foreign(magic, text.source)

    def _foreign(self, magic: CellMagic, source: str) -> None:
        """A cell in another language."""
        body = source.partition("\n")[2]
        words = _words(magic.text)
        if magic.name in effects.CELL_MAGICS_WITHOUT_EFFECT:
            return
        if magic.name in effects.SHELL_CELL_MAGICS:
            for line in body.splitlines():
                if line.strip() and not line.lstrip().startswith("#"):
                    self.shell(line)
            for option in ("--out", "--err"):
                if option in words[:-1]:
                    self.bind(words[words.index(option) + 1], ())
            return
        named = re.findall(r"[{:$](\w+)", body)
        for name in dict.fromkeys((*_options(words, "-i"), *(each for each in named if each in self.globals.names))):
            self.load(name)
        outputs = _options(words, "-o")
        for name in outputs:
            self.bind(name, ())
        if magic.name != "R" and not outputs:
            self.barrier()

    def import_module(self, module: str) -> None:
        """A module is imported: a file that a cell wrote, or a package that one installed."""
        root = module.partition(".")[0]
        self.read_package(root)
        stem = module.replace(".", "/")
        for path in (f"{stem}.py", f"{root}.py", f"{stem}/__init__.py", f"{root}/__init__.py"):
            if any(key == FILE + path or key.endswith(f"/{path}") for key in self.files()):
                for key in self.files():
                    if key == FILE + path or key.endswith(f"/{path}"):
                        self.read_resource(key)
        if root not in effects.KNOWN_LIBRARIES:
            self.read_setting("sys", "path")
            if ANY_FILE in self.resources:
                self.read_resource(ANY_FILE)

    def read_package(self, module: str) -> None:
        """Something of a package is used, which a cell may have installed."""
        if f"package:{module}" in self.resources:
            self.read_resource(f"package:{module}")


def _normal(path: str | None) -> str | None:
    return posixpath.normpath(path.replace("\\", "/")) if path else None


def _module_of(requirement: str) -> str:
    """The module that a package's name gives, where the two are not the same word.

    >>> _module_of("scikit-learn>=1.5"), _module_of("seaborn==0.13")
    ('sklearn', 'seaborn')
    """
    name = re.split(r"[<>=!~\[;@ ]", requirement.strip("'\""))[0].lower().replace("-", "_")
    other = {"scikit_learn": "sklearn", "pillow": "PIL", "opencv_python": "cv2", "pyyaml": "yaml"}
    return other.get(name, name)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _word(text: str, at: int) -> str | None:
    words = _words(text)
    return words[at] if words else None


def _options(words: list[str], option: str) -> Iterator[str]:
    for at, word in enumerate(words[:-1]):
        if word == option:
            yield from words[at + 1].split(",")


def texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The plain texts among some nodes, those inside f-strings too."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield from texts(node.values)
