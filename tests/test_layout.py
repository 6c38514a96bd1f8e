"""Imports go one way: a package knows only what stands to its right in docs/decisions and CONTRIBUTING.

gateway_site → proxy → logs, configs, cache → keys, prices → audit, shared_state → providers → the standard
library
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STANDARD = set(sys.stdlib_module_names)

BELOW_AUDIT = {"providers"}
BELOW_KEYS = BELOW_AUDIT | {"audit", "shared_state"}
BELOW_LOGS = BELOW_KEYS | {"keys", "prices"}
BELOW_PROXY = BELOW_LOGS | {"logs", "configs", "cache"}
MAY_IMPORT = {
    "gateway_site": BELOW_PROXY | {"proxy", "sandbox"},
    "proxy": BELOW_PROXY,
    "logs": BELOW_LOGS,
    "configs": BELOW_LOGS,
    "cache": BELOW_LOGS,
    "keys": BELOW_KEYS,
    "prices": BELOW_KEYS,
    "audit": BELOW_AUDIT,
    "shared_state": BELOW_AUDIT,
    "providers": set(),
    "sandbox": set(),
    "bench": BELOW_PROXY | {"proxy", "sandbox", "gateway_site"},  # measures the whole
}
NOT_OURS_TO_ORDER = {"tests", "scripts", "docs"}  # tests see all; scripts run before anything is installed
ONLY_FOREIGN = {"providers": {"orjson"}, "sandbox": {"django"}}

PRESENT = {path.name for path in ROOT.iterdir() if not path.name.startswith(".") and any(path.glob("*.py"))}


def imports(path: Path) -> Iterator[str]:
    """The top-level names a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).partition(".")[0]


def imported(package: str) -> set[str]:
    return {name for path in (ROOT / package).rglob("*.py") for name in imports(path)} - {package}


def test_every_package_has_its_place_in_the_order():
    assert MAY_IMPORT.keys() >= PRESENT - NOT_OURS_TO_ORDER


@pytest.mark.parametrize("package", sorted(PRESENT & MAY_IMPORT.keys()))
def test_imports_go_one_way(package):
    assert imported(package) & (MAY_IMPORT.keys() | {"tests"}) <= MAY_IMPORT[package]


@pytest.mark.parametrize("package", sorted(ONLY_FOREIGN))
def test_what_is_pure_imports_next_to_nothing(package):
    assert imported(package) - STANDARD <= ONLY_FOREIGN[package]


def test_scripts_need_nothing_installed():
    assert imported("scripts") <= STANDARD


def test_an_import_inside_a_function_counts(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import os.path\ndef late():\n    from keys.models import ApiKey\n    from . import sibling\n"
    )
    assert set(imports(path)) == {"os", "keys"}


def test_the_environment_is_read_in_one_place():
    """`gateway_site/env.py`; besides, programs pass it on, and some take a secret from a named variable."""
    allowed = {ROOT / "gateway_site" / name for name in ("env.py", "run.py", "prepare.py", "wsgi.py")}
    allowed |= {ROOT / "keys/management/commands/create_virtual_key.py", ROOT / "logs/spawn.py"}
    files = {
        path for package in PRESENT & MAY_IMPORT.keys() - {"bench"} for path in (ROOT / package).rglob("*.py")
    }
    read = {path for path in files if {"environ", "getenv"} & set(attributes_of_os(path))}
    assert read <= allowed


def attributes_of_os(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            yield node.attr
