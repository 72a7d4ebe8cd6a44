"""Documentation is held true: docs/cli.md is what `--help` says."""

import importlib.util
import re

from conftest import ROOT


def words_of(text: str) -> list[str]:
    """The words of a page, whatever boxes and line breaks lie around them."""
    return re.findall(r"[\w#./:<>-]*\w[\w#./:<>-]*", text)


def test_cli_page_is_what_help_says():
    path = ROOT / "docs/build_cli.py"
    spec = importlib.util.spec_from_file_location("build_cli", path)
    build_cli = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_cli)
    page = build_cli.page()
    assert "dancenet generate interpolate" in page
    written = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert words_of(written) == words_of(page), "docs/cli.md is out of date: run `make docs`"
