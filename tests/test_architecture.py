"""The house rules that a program can check: layers, size of files, what library code never does."""

import ast
import configparser
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "dancenet"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 320

#: Every module's layer; a module may import from its own layer and from those before it.
LAYERS = {
    "base": "errors runs presets config direct_options outputs",
    "data": (
        "decoding media hearing music video figure dancer footage frames batching latents cues timing "
        "sequences repertoire"
    ),
    "models": "machine networks vae mixture choreographer",
    "workflows": (
        "fitting current trained evaluation dancing generation yardsticks stages training exploring explore "
        "rendering directing evaluate export doctor"
    ),
    "surfaces": "console summary demo pages studio commands cli __main__",
}
RANK = {module: rank for rank, names in enumerate(LAYERS.values()) for module in names.split()}

#: The package itself gives `dancenet.load` lazily.
LAZY = {("__init__", "generation")}


def module_of(path: Path) -> str:
    """`vae` for dancenet/vae.py; `stages` for a file of that folder."""
    inner = path.relative_to(PACKAGE).parts
    return inner[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> list[tuple[str, str]]:
    """(package, first module within it) of every import, also those inside functions."""
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [(*alias.name.split("."), "")[:2] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            inner = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
            found += [(parts[0], name) for name in inner]
            assert node.level == 0, f"{path}: a relative import hides its layer"
    return found


def named(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.relative_to(ROOT).as_posix())


def test_every_module_has_a_layer():
    present = {module_of(path) for path in FILES} - {"__init__"}
    assert present - set(RANK) == set(), "name its layer in LAYERS"
    assert set(RANK) - present == set(), "LAYERS names what is not there"


@named(FILES)
def test_imports_point_down(path):
    here = module_of(path)
    for package, module in imports_of(path):
        if package != "dancenet" or (here, module) in LAZY or module in ("", "__version__"):
            continue
        assert here != "__init__", f"the package imports {module}"
        assert module in RANK, f"{path.name} imports dancenet.{module}, which has no layer"
        assert RANK[module] <= RANK[here], f"{here} imports {module} from a layer above it"


def dotted(path: Path) -> str:
    """`fitting.loop` for dancenet/fitting/loop.py."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def files_of(path: Path) -> set[str]:
    """The files of the package that a file imports, by their dotted names."""
    present, found = {dotted(each) for each in FILES}, set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dancenet":
            inner = node.module.partition(".")[2]
            named = {inner, *(f"{inner}.{alias.name}".lstrip(".") for alias in node.names)}
            found |= named & present
    return found


def test_files_import_one_another_in_no_circle():
    no_circle({dotted(path): files_of(path) for path in FILES if path != PACKAGE / "__init__.py"})


def test_folders_import_one_another_in_no_circle():
    graph = {}
    for path in FILES:
        inner = {module for package, module in imports_of(path) if package == "dancenet"}
        graph.setdefault(module_of(path), set()).update(inner - {module_of(path), "__version__"})
    graph.pop("__init__")
    no_circle(graph)


def no_circle(graph: dict[str, set[str]]) -> None:
    while free := [module for module, needed in graph.items() if not needed & set(graph)]:
        for module in free:
            del graph[module]
    assert not graph, f"these import one another: {graph}"


def calls_of(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            yield node, name


@named(FILES)
def test_library_code_does_not_assert(path):
    assert not [node.lineno for node in ast.walk(tree_of(path)) if isinstance(node, ast.Assert)]


@named(FILES)
def test_only_surfaces_print(path):
    if RANK.get(module_of(path)) == RANK["cli"]:
        return
    printed = [
        node.lineno for node, name in calls_of(path) if name == "print" and isinstance(node.func, ast.Name)
    ]
    assert not printed
    assert not [1 for package, _ in imports_of(path) if package in ("tyro", "argparse", "rich")]


@named(FILES)
def test_nothing_is_loaded_that_can_execute(path):
    assert not {package for package, _ in imports_of(path)} & {
        "pickle",
        "dill",
        "joblib",
        "marshal",
        "shelve",
    }
    for node, name in calls_of(path):
        if name in ("eval", "exec") and isinstance(node.func, ast.Name):
            pytest.fail(f"line {node.lineno}: {name}")
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if name == "load" and getattr(getattr(node.func, "value", None), "id", "") == "np":
            allowed = given.get("allow_pickle")
            assert allowed is None or (isinstance(allowed, ast.Constant) and allowed.value is False)
        assert "safe_mode" not in given, f"line {node.lineno}: Keras' safe mode stays as it is"


@named([path for path in FILES if RANK.get(module_of(path)) == RANK["vae"]])
def test_models_do_no_file_io(path):
    opened = [
        node.lineno for node, name in calls_of(path) if name in ("open", "write_text", "write_bytes", "save")
    ]
    assert not opened
    assert ("dancenet", "runs") not in imports_of(path)


@named([*FILES, *sorted((ROOT / "benchmarks").glob("*.py")), *sorted((ROOT / "docs").glob("*.py"))])
def test_files_fit_in_one_reading(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@named(FILES)
def test_functions_fit_on_a_screen(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines"


#: What speaks HTTP, and what computes, in the studio.
HTTP = {"starlette", "uvicorn", "websockets", "asyncio", "http", "urllib"}
MATHEMATICS = {"numpy", "scipy", "keras", "tensorflow", "sklearn"}
ROUTES = {"answers", "app", "guard", "server", "window"}


@named(sorted((PACKAGE / "studio").glob("*.py")))
def test_the_studio_keeps_http_and_mathematics_apart(path):
    imported = {package for package, _ in imports_of(path)}
    if path.stem in ROUTES or path.stem.endswith("_routes"):
        assert not imported & MATHEMATICS
    else:
        assert not imported & HTTP


def test_only_dancenet_is_shipped():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert config["options.packages.find"]["include"].strip() == "dancenet*"
    from setuptools import find_packages

    shipped = find_packages(str(ROOT), include=["dancenet*"])
    assert {name.split(".")[0] for name in shipped} == {"dancenet"}
    assert {path.parent for path in FILES} == {ROOT / name.replace(".", "/") for name in shipped}


def test_the_command_line_module_loads_nothing_heavy():
    heavy = ("tensorflow", "keras", "scipy", "cv2", "av", "sklearn", "numpy", "tensorflow_probability")
    probe = f"import sys, dancenet.cli\nprint([name for name in {heavy!r} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
