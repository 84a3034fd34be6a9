from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bmux_forensics.host.paths import PLATFORM_DEFAULT, find_paths

HOME = {"HOME": "/home/ada"}


@pytest.mark.parametrize(
    ("environ", "platform", "data", "rule"),
    [
        ({**HOME, "BMUX_DATA_DIR": "/d"}, "linux", "/d", "BMUX_DATA_DIR"),
        ({**HOME, "BMUX_DATA_DIR": ""}, "linux", "/home/ada/.local/share/bmux", "HOME"),
        ({**HOME, "XDG_DATA_HOME": "/x"}, "linux", "/x/bmux", "XDG_DATA_HOME"),
        ({**HOME, "XDG_DATA_HOME": "x"}, "linux", "/home/ada/.local/share/bmux", "HOME"),
        ({**HOME, "XDG_DATA_HOME": "/x"}, "freebsd14", "/x/bmux", "XDG_DATA_HOME"),
        (HOME, "darwin", "/home/ada/Library/Application Support/bmux", "HOME"),
        ({"APPDATA": "/roaming"}, "win32", "/roaming/bmux", "APPDATA"),
    ],
)
def test_data_folder(environ: dict[str, str], platform: str, data: str, rule: str) -> None:
    paths = find_paths(environ, platform=platform)
    assert (paths.data, paths.data_rule) == (Path(data), rule)
    assert paths.snapshot == Path(data) / "runtime" / "bmux-snapshot-v1.json"
    assert paths.lock.name == "bmux-snapshot-v1.json.lock"


def test_data_folder_without_any_variable_asks_the_platform() -> None:
    paths = find_paths({}, platform="linux")
    assert paths.data_rule == PLATFORM_DEFAULT
    assert paths.data.name == "bmux"


@pytest.mark.parametrize(
    ("environ", "platform", "base", "rule"),
    [
        ({"BMUX_RUNTIME_DIR": "/r", "XDG_RUNTIME_DIR": "/x"}, "linux", "/r", "BMUX_RUNTIME_DIR"),
        ({"XDG_RUNTIME_DIR": "/x", "TMPDIR": "/t"}, "linux", "/x/bmux", "XDG_RUNTIME_DIR"),
        ({"TMPDIR": "/t"}, "linux", "/t/bmux", PLATFORM_DEFAULT),
        ({}, "linux", "/tmp/bmux", PLATFORM_DEFAULT),  # noqa: S108  # the expected value
        ({"TEMP": "/windows/temp"}, "win32", "/windows/temp/bmux", PLATFORM_DEFAULT),
    ],
)
def test_runtime_folder(environ: dict[str, str], platform: str, base: str, rule: str) -> None:
    paths = find_paths({**HOME, **environ}, platform=platform)
    assert (paths.runtime_base, paths.runtime_rule) == (Path(base), rule)
    assert paths.runtime == Path(base)


@pytest.mark.parametrize("name", ["work", "default", ""])
def test_runtime_name(name: str, tmp_path: Path) -> None:
    paths = find_paths({**HOME, "BMUX_RUNTIME_DIR": str(tmp_path), "BMUX_RUNTIME_NAME": name})
    assert paths.runtime == (tmp_path / "runtimes" / "work" if name == "work" else tmp_path)


def test_every_runtime_is_listed_and_the_current_one_even_when_it_is_not_there(
    tmp_path: Path,
) -> None:
    for name in ("b", "a"):
        (tmp_path / "runtimes" / name).mkdir(parents=True)
    (tmp_path / "runtimes" / "file").touch()
    paths = find_paths({"BMUX_RUNTIME_DIR": str(tmp_path), "BMUX_RUNTIME_NAME": "c"})
    assert [name for name, _ in paths.runtimes()] == ["default", "a", "b", "c"]
    assert dict(paths.runtimes())["a"] == tmp_path / "runtimes" / "a"


def test_paths_and_server_load_without_pandas_and_psutil(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bmux_forensics.host.paths import find_paths\n"
        "from bmux_forensics.host.server import live_server\n"
        f"paths = find_paths({{'BMUX_RUNTIME_DIR': {str(tmp_path / 'none')!r}, 'HOME': '/h'}})\n"
        "assert live_server(paths).state == 'none'\n"
        "heavy = {'pandas', 'psutil', 'numpy', 'socket', 'platformdirs'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
