"""The suite names the tests that this machine cannot run, and fails where they have to run."""

import pytest

SUITE = """
    import pytest

    def test_of_the_plain_kind():
        pass

    @pytest.mark.browser
    def test_of_a_page():
        pass
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """The suite above under our plugin, on a machine whose PATH leads nowhere unless told otherwise."""
    monkeypatch.delenv("GATEHOUSE_REQUIRE", raising=False)
    pytester.makeini("[pytest]\nmarkers =\n  browser\n  node")
    pytester.makepyfile(SUITE)

    def run(path="/nowhere"):
        monkeypatch.setenv("PATH", str(path))
        return pytester.runpytest_inprocess("-p", "tests.needs", "-p", "no:django", "-p", "no:cacheprovider")

    return run


def test_what_needs_a_missing_browser_is_left_out_and_named(run):
    done = run()
    done.assert_outcomes(passed=1, deselected=1)
    done.stdout.fnmatch_lines(["NOT RUN: 1 tests need chromium.*"])


def test_what_needs_a_browser_runs_where_there_is_one(run, tmp_path):
    (tmp_path / "chromium").touch(mode=0o755)
    done = run(tmp_path)
    done.assert_outcomes(passed=2)
    done.stdout.no_fnmatch_line("NOT RUN*")


def test_a_browser_that_is_required_and_missing_is_a_failure(run, monkeypatch):
    monkeypatch.setenv("GATEHOUSE_REQUIRE", "chromium,node")
    done = run()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*chromium is required and was not found*"])
