"""The page in a real browser: it shows, steps, resets and ends without a word of error."""

import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

selenium = pytest.importorskip("selenium")

from selenium import webdriver  # noqa: E402 - after the check that it is there
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webdriver import WebDriver  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
PATIENCE = 60
"""Seconds; the first step compiles."""

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1720,2000",
)
TILES = 7


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(port: int) -> list[str]:
    return [sys.executable, "-c", "from experiments.cli import main; main()", "app", "--port", str(port)]


class Server:
    """The command `mutualaid app` as a process of its own, with all that it prints."""

    def __init__(self, port: int, output: Path) -> None:
        self.address = f"http://localhost:{port}"
        self.file = output
        with output.open("w") as stream:
            self.process = subprocess.Popen(
                _command(port),
                cwd=ROOT,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self.file.read_text()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output
            try:
                urllib.request.urlopen(f"{self.address}/readyz", timeout=5).close()
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise AssertionError(f"no page within {PATIENCE} s: {self.output}")

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(_free_port(), tmp_path / "server.txt")
    try:
        running.wait_until_ready()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[WebDriver]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield window
    finally:
        window.quit()


def _text(browser: WebDriver) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def _wait_for(browser: WebDriver, what: str) -> None:
    WebDriverWait(browser, PATIENCE).until(lambda window: what in _text(window), f"{what!r} does not appear")


def _press(browser: WebDriver, label: str) -> None:
    buttons = [b for b in browser.find_elements(By.TAG_NAME, "button") if b.text.strip().upper() == label.upper()]
    assert len(buttons) == 1, f"{len(buttons)} buttons {label!r}"
    buttons[0].click()


def _plots(browser: WebDriver) -> int:
    """Pictures that have arrived and been decoded."""
    script = "return [...document.images].filter(i => i.complete && i.naturalWidth > 300).length"
    return int(browser.execute_script(script))


def _picture(browser: WebDriver, file: Path) -> None:
    time.sleep(1)
    assert browser.save_screenshot(str(file))


def test_step_play_and_reset(server: Server, browser: WebDriver, tmp_path: Path) -> None:
    browser.get(server.address)
    _wait_for(browser, "Before the launch")
    WebDriverWait(browser, PATIENCE).until(lambda window: _plots(window) == TILES, "not all plots appear")
    _picture(browser, tmp_path / "start.png")

    for done in range(1, 4):
        _press(browser, "Step")
        _wait_for(browser, f"({done} of 79)")
    _press(browser, "▶")
    _wait_for(browser, "(20 of 79)")
    _press(browser, "❚❚")
    assert _plots(browser) == TILES
    assert "million members" in _text(browser)
    _picture(browser, tmp_path / "after-a-year.png")

    _press(browser, "Reset")
    _wait_for(browser, "Before the launch")
    _press(browser, "Step")
    _wait_for(browser, "(1 of 79)")
    assert _plots(browser) == TILES
    assert "198,100 simulated people" in _text(browser)

    seed = browser.find_element(By.CSS_SELECTOR, "input[type=text]")
    seed.send_keys("x", Keys.TAB)
    _press(browser, "Reset")
    _wait_for(browser, "seed = '1x' is not allowed")
    _picture(browser, tmp_path / "refused.png")

    for word in ("error", "exception", "traceback"):
        assert word not in _text(browser).lower()
    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []

    assert server.interrupt() == 0
    assert server.output.splitlines() == [f"Mutual aid: who stays? {server.address} (Ctrl-C ends)"]


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        ended = subprocess.run(
            _command(port),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert str(port) in ended.stderr
