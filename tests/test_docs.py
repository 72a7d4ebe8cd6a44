"""Documentation is held true: docs/cli.md is what `--help` says, docs/studio-protocol.md what is spoken."""

import importlib.util
import re

from conftest import ROOT


def words_of(text: str) -> list[str]:
    """The words of a page, whatever boxes and line breaks lie around them."""
    return re.findall(r"[\w#./:<>-]*\w[\w#./:<>-]*", text)


def built_by(name: str):
    """The module of that name in docs/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_cli_page_is_what_help_says():
    page = built_by("build_cli").page()
    assert "dancenet generate interpolate" in page
    written = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert words_of(written) == words_of(page), "docs/cli.md is out of date: run `make docs`"


def test_protocol_page_is_what_the_studio_speaks(tmp_path):
    from studio import built_in

    from dancenet.studio.session import Session

    page = built_by("build_protocol").page()
    written = (ROOT / "docs/studio-protocol.md").read_text(encoding="utf-8")
    assert written == page, "docs/studio-protocol.md is out of date: run `make docs`"
    session = Session(built_in(tmp_path), "main")
    for told in (session.state(), session.performer.library.listed()):
        assert not [name for name in told if f"`{name}`" not in page]
