"""A real JupyterLab in a folder of its own, and a real browser that reaches nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

TOKEN: Final = "of-this-test"  # noqa: S105 - of a server on this machine, gone with the test
CHROMIUM: Final = Path("/usr/bin/chromium")
ROOT: Final = Path(__file__).parents[2]
ARTEFACTS: Final = ROOT / "artefacts"

_AROUND: Final = 300
"""How much of a window's height is menus, tabs and the like."""

_SWITCHES: Final = (
    *(
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
    ),
    *("--disable-component-update", "--no-first-run", "--disable-sync", "--disable-extensions"),
)
_OVERRIDES: Final[dict[str, Any]] = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}
_READY: Final = """() => {
    const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
    return context?.isReady && context.session?.kernel?.status === 'idle';
}"""
_LISTEN: Final = """() => {
    window.iopubErrors = [];
    window.jupyterapp.shell.currentWidget.sessionContext.iopubMessage.connect((_, message) => {
        if (message.header.msg_type === 'error')
            window.iopubErrors.push(`${message.content.ename}: ${message.content.evalue}`);
    });
}"""


def environment(folder: Path) -> dict[str, str]:
    """Give the variables that keep server, kernel and bmux inside a folder."""
    kept = {k: os.environ[k] for k in ("PATH", "LANG", "TZ") if k in os.environ}
    places = (
        *("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"),
        *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "MPLCONFIGDIR", "TMPDIR"),
        *("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
        *("BMUX_DATA_DIR", "BMUX_RUNTIME_DIR", "BMUX_FORENSICS_STATE_DIR"),
    )
    for name in ("HOME", "TMPDIR"):
        (folder / name.lower()).mkdir(exist_ok=True)
    return kept | {name: str(folder / name.lower()) for name in places}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def lab(folder: Path, notebooks: Path, *, around: Sequence[str] = ()) -> Iterator[str]:
    """Run a server on some notebooks; yields its address, and ends it whatever happens.

    ``around`` is a command that starts it, and whose end is the end of all that it started.
    """
    settings = folder / "settings"
    settings.mkdir()
    (settings / "overrides.json").write_text(json.dumps(_OVERRIDES))
    port = _free_port()
    command = [
        *around,
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"),
        *(f"--ServerApp.root_dir={notebooks}", "--ServerApp.terminals_enabled=False"),
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--LabApp.app_settings_dir={settings}",
    ]
    log = folder / "lab.log"
    with log.open("wb") as told, _told_to_end():
        server = subprocess.Popen(
            command, env=environment(folder), cwd=folder, stdout=told, stderr=told
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _await(address, server, log)
            yield address
        finally:
            if around:
                server.kill()
            else:
                server.terminate()
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


@contextlib.contextmanager
def _told_to_end() -> Iterator[None]:
    """Unwind when this process is told to end: else the server would stay."""

    def end(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _await(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    ask = urllib.request.Request(  # noqa: S310 - the address is ours
        f"{address}/api/status", headers={"Authorization": f"token {TOKEN}"}
    )
    end = time.monotonic() + 90
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(ask, timeout=5).close()  # noqa: S310 - as above
            return
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not come up: {log.read_text()[-2000:]}")


@dataclass
class Tab:
    """A page of the browser on one notebook, and all that went wrong on it."""

    page: Any
    address: str
    complaints: list[str] = field(default_factory=list)

    def open(self, notebook: str) -> None:
        """Open a notebook and wait until its kernel is idle."""
        self.page.goto(f"{self.address}/lab/tree/{notebook}?reset&token={TOKEN}")
        self.page.wait_for_function(_READY, timeout=90_000)
        self.page.evaluate(_LISTEN)

    def run_all(self, marker: str) -> None:
        """Run every cell and wait for what the last one prints."""
        self.command("notebook:run-all-cells")
        self.page.get_by_text(marker).last.wait_for(state="attached", timeout=120_000)
        self.page.wait_for_function(_READY, timeout=60_000)

    def dark(self) -> None:
        """Change to the dark theme."""
        self.command("apputils:change-theme", "{theme: 'JupyterLab Dark'}")
        self.page.locator('body[data-jp-theme-light="false"]').wait_for(state="attached")

    def light(self) -> None:
        """Change back to the light theme."""
        self.command("apputils:change-theme", "{theme: 'JupyterLab Light'}")
        self.page.locator('body[data-jp-theme-light="true"]').wait_for(state="attached")

    def command(self, name: str, arguments: str = "{}") -> None:
        """Execute one of JupyterLab's commands."""
        self.page.evaluate(
            f"() => {{ window.jupyterapp.commands.execute('{name}', {arguments}); }}"
        )

    def panel(self, name: str) -> Any:
        """Find a panel by its class."""
        return self.page.locator(f".jp-OutputArea-output .bf-{name}.bf-panel").first

    def shoot(self, name: str, part: Any = None) -> None:
        """Keep a picture of the page, or of a part of it, for people to look at."""
        ARTEFACTS.mkdir(exist_ok=True)
        before = self.page.viewport_size
        if part is not None:  # what is higher than the window would be cut off
            high = part.bounding_box()["height"] + _AROUND
            self.page.set_viewport_size({**before, "height": max(before["height"], int(high))})
        (part or self.page).screenshot(path=ARTEFACTS / f"{name}.png")
        self.page.set_viewport_size(before)

    def errors(self) -> list[str]:
        """Give everything that went wrong, on the console, the network or in the kernel."""
        return [*self.complaints, *self.page.evaluate("() => window.iopubErrors")]


@contextlib.contextmanager
def browser(address: str, width: int = 1400, height: int = 1600) -> Iterator[Tab]:
    """Run chromium without a window; whatever is not the server is refused and recorded."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where chromium is

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(_SWITCHES))
        context = chromium.new_context(
            service_workers="block", viewport={"width": width, "height": height}
        )
        page = context.new_page()
        tab = Tab(page, address)

        def route(way: Any) -> None:
            url = way.request.url
            if url.startswith((f"{address}/", "data:", "blob:")):
                way.continue_()
            else:
                tab.complaints.append(f"a request to {url}")
                way.abort()

        def heard(line: Any) -> None:
            if line.type == "error":
                tab.complaints.append(f"console: {line.text}")

        page.route("**/*", route)
        page.on("pageerror", lambda error: tab.complaints.append(f"page error: {error}"))
        page.on("console", heard)
        try:
            yield tab
        finally:
            context.close()
            chromium.close()
