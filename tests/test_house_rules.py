"""The rules of docs/style.md that a machine can hold: layers, late imports, sizes, docstrings, paths."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from source_tree import PACKAGE, ROOT, python_files, short, tree

MAX_FUNCTION, MAX_FILE, MAX_PARAMETERS = 39, 299, 5

# From the bottom up. A module imports from its own layer and from lower ones; a name stands for its submodules too.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("config", "files", "metrics", "stream", "tasks", "threads", "vectors"),
    ("artifact", "data", "flops", "results", "text"),
    ("engine", "fallback", "runtime"),
    ("compress", "convert", "nn"),
    ("cascades", "model"),
    ("evaluate", "search", "train"),
    ("bench", "serve"),
    ("squeeze",),
    ("cli",),
    ("__main__",),
)
TORCH_HOMES = ("nn", "train", "bench")
TORCH_FILES = {"convert/weights.py": "reads checkpoints that exist only as a pickle, with weights_only"}

# Overloads share the docstring of what they overload; of a torch module, the class says what a call does.
SPOKEN_FOR = {"overload", "setter", "forward", "extra_repr"}

# Longer or wider than the rule: what, how large it may be, and why. A new line here is a reviewed line.
LONG_FILES: dict[str, tuple[int, str]] = {}
LONG_FUNCTIONS: dict[str, tuple[int, str]] = {}
WIDE_FUNCTIONS: dict[str, tuple[int, str]] = {
    "src/squeezebert/model.py:load": (
        6,
        "the front door of the library: one keyword for each choice that a person makes",
    ),
}


def module_name(path: Path) -> str:
    """``search.store`` for ``src/squeezebert/search/store.py``; empty for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(name: str) -> int:
    """The number of the layer a module is in."""
    found = [number for number, names in enumerate(LAYERS) if name.split(".")[0] in names]
    assert found, f"squeezebert.{name} is in no layer; add it to LAYERS, as low as its imports allow"
    return found[0]


def is_for_types(node: ast.AST) -> bool:
    """Whether the node is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(node: ast.AST, late: bool = True) -> Iterator[str]:
    """The modules that run-time code imports; with ``late`` false only what an import of the file itself loads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.module, "imports are absolute"
            for alias in child.names:
                below = f"{child.module}.{alias.name}"
                yield below if is_module(below) else child.module
        elif is_for_types(child) or (not late and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)):
            continue
        else:
            yield from imports(child, late)


def is_module(name: str) -> bool:
    """Whether the dotted name is a file or package of ours."""
    place = PACKAGE.parent / name.replace(".", "/")
    return (place / "__init__.py").is_file() or place.with_suffix(".py").is_file()


def ours(path: Path, late: bool = True) -> set[str]:
    """The modules of squeezebert that a file imports, without the package's name."""
    return {n.removeprefix("squeezebert.") for n in imports(tree(path), late) if n.startswith("squeezebert.")}


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of a file, with the name of its class before it."""
    for node in ast.walk(tree(path)):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
                yield f"{short(path)}:{owner}{child.name}", child


def test_imports_only_point_down():
    files = [path for path in python_files("src") if path != PACKAGE / "__init__.py"]
    up = [
        f"{short(path)} imports {name}"
        for path in files
        for name in sorted(ours(path))
        if layer(name) > layer(module_name(path))
    ]
    assert not up


def test_no_modules_import_each_other_in_a_circle():
    graph = {module_name(path): ours(path, late=False) for path in python_files("src") if module_name(path)}
    while graph:
        free = [name for name, needs in graph.items() if not (needs & set(graph)) - {name}]
        assert free, f"a circle of imports among {', '.join(sorted(graph))}; move what they share to a lower module"
        for name in free:
            del graph[name]


def test_torch_is_imported_only_where_it_may_be():
    strangers = [
        short(path)
        for path in python_files("src")
        if any(name.split(".")[0] in ("torch", "transformers") for name in imports(tree(path)))
        and path.relative_to(PACKAGE).parts[0] not in TORCH_HOMES
        and path.relative_to(PACKAGE).as_posix() not in TORCH_FILES
    ]
    assert not strangers


@pytest.mark.parametrize("statement", ["import squeezebert", "import squeezebert.cli", "import squeezebert.errors"])
def test_a_bare_import_loads_nothing_heavy(statement):
    heavy = "{'numpy', 'torch', 'tokenizers', 'safetensors', 'huggingface_hub', 'transformers'}"
    program = f"import sys; {statement}; print(*sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_files_stay_small():
    native = [p for ending in ("*.cpp", "*.hpp", "*.h") for p in (ROOT / "native").rglob(ending)]
    sizes = {short(p): len(p.read_text(encoding="utf-8").splitlines()) for p in (*all_python(), *native)}
    assert not over(sizes, MAX_FILE, LONG_FILES)


def test_functions_stay_short():
    sizes = {
        name: (node.end_lineno or 0) - node.lineno + 1 - docstring_lines(node)
        for path in all_python()
        for name, node in functions(path)
    }
    assert not over(sizes, MAX_FUNCTION, LONG_FUNCTIONS)


def test_functions_take_few_parameters():
    sizes = {name: parameters(node) for path in all_python() for name, node in functions(path)}
    assert not over(sizes, MAX_PARAMETERS, WIDE_FUNCTIONS)


def all_python() -> tuple[Path, ...]:
    """Every Python file of the repository that is written by hand."""
    return python_files("src", "tests", "demo", "examples", "docs", "benchmarks", "web")


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines the docstring has: a longer contract does not make a function harder to read."""
    text = node.body[0]
    is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    return (text.end_lineno or 0) - text.lineno + 1 if is_text else 0


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many parameters a caller sees."""
    arguments = node.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def over(sizes: dict[str, int], limit: int, exceptions: dict[str, tuple[int, str]]) -> list[str]:
    """What is above its limit, and exceptions that nothing needs any more."""
    stale = [f"{name} needs no exception any more" for name in exceptions if sizes.get(name, 0) <= limit]
    return stale + [f"{name}: {n}" for name, n in sizes.items() if n > exceptions.get(name, (limit, ""))[0]]


def test_every_public_function_and_class_has_a_docstring():
    assert not [name for path in python_files("src") for name in undocumented(path)]


def undocumented(path: Path) -> Iterator[str]:
    """Public definitions without a docstring; where the contract stands elsewhere, see SPOKEN_FOR."""
    scopes: list[ast.Module | ast.ClassDef] = [tree(path)]
    if ast.get_docstring(tree(path)) is None:
        yield short(path)
    for scope in scopes:
        for node in scope.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if isinstance(node, ast.ClassDef) and "Protocol" not in [ast.unparse(base) for base in node.bases]:
                scopes.append(node)
            marks = {ast.unparse(mark).split(".")[-1] for mark in node.decorator_list}
            if not (marks | {node.name}) & SPOKEN_FOR and ast.get_docstring(node) is None:
                yield f"{short(path)}:{node.name}"


def test_no_paths_of_a_machine_and_no_leftovers():
    # The patterns are put together here so that they do not find themselves.
    machine = r"(?<![\w.:/])/(" + "|".join(("home", "root", "work", "farm", "Users", "mnt")) + r")/\w|/tmp/" + r"\w"
    leftover = r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b"
    found = [
        f"{short(path)}:{number}: {line.strip()[:80]}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(machine, line) or (re.search(leftover, line) and path.suffix != ".md")
    ]
    assert not found


def text_files() -> list[Path]:
    """Code, build files and pages; not the demo's passages."""
    endings = (".py", ".cpp", ".hpp", ".h", ".js", ".mjs", ".toml", ".txt", ".md")
    folders = ("src", "native", "tests", "demo", "examples", "docs", "benchmarks", "web", ".ci")
    below = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    below = [path for path in below if "node_modules" not in path.parts]
    here = [path for path in ROOT.iterdir() if path.is_file()]
    return [p for p in below + here if p.suffix in endings or p.name in ("Makefile", "run")]
