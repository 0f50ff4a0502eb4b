"""The page and the report in a real browser: they show, play, pause, reset and end without a word of error."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

selenium = pytest.importorskip("selenium")

from selenium import webdriver  # noqa: E402 - after the check that it is there
from selenium.common.exceptions import StaleElementReferenceException  # noqa: E402
from selenium.webdriver import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webdriver import WebDriver  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
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
PLOTS = 9
LISTED = "//*[contains(@class, 'menuable__content__active')]"
QUICK = 0.15
"""Seconds a settlement while the page plays at 1:1,000 in a window of 1280 x 800, on two cores that do nothing else."""
SCREENSHOTS = ROOT / "out" / "browser"
Page = Callable[..., None]
"""Opens the page, with a query."""


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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all visitors; in the end it has printed nothing but its address."""
    running = Server(_free_port(), tmp_path_factory.mktemp("server") / "server.txt")
    try:
        running.wait_until_ready()
        yield running
        assert running.interrupt() == 0
        assert running.output.splitlines() == [f"Mutual aid: who stays? {running.address} (Ctrl-C ends)"]
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


def chrome(profile: Path) -> WebDriver:
    """Chromium without a window, with what its scripts say kept."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium, "chromium is missing; see: make test-browser"
    assert driver, "chromedriver is missing; see: make test-browser"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[WebDriver]:
    window = chrome(tmp_path / "profile")
    try:
        yield window
    finally:
        window.quit()


def _text(browser: WebDriver) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def _wait(browser: WebDriver, condition: Callable[[], object], message: str) -> None:
    WebDriverWait(browser, PATIENCE, poll_frequency=0.1, ignored_exceptions=[StaleElementReferenceException]).until(
        lambda _: condition(), message
    )


def _wait_for(browser: WebDriver, what: str) -> None:
    _wait(browser, lambda: what in _text(browser), f"{what!r} does not appear")


def _done(browser: WebDriver) -> int:
    """Settlements that the headline tells of."""
    headline = browser.find_element(By.CSS_SELECTOR, ".headline").text
    found = re.search(r"\((\d+) of \d+\)", headline)
    return int(found[1]) if found else 0


def _press(browser: WebDriver, label: str) -> None:
    def pressed() -> bool:
        for button in browser.find_elements(By.TAG_NAME, "button"):
            if button.text.strip().upper() == label.upper() and button.is_enabled():
                button.click()
                return True
        return False

    _wait(browser, pressed, f"no button {label!r}")


def _plots(browser: WebDriver) -> dict[str, dict[str, list]]:
    """Title of every plot that is drawn -> name of a series -> its points."""
    script = """
    return [...document.querySelectorAll('.solara-echarts')].map(e => e.__vue__).filter(v => v.chart).map(v => {
      const o = v.chart.getOption();
      return [o.title[0].text, o.series.map(s => [s.name, s.data])];
    });
    """
    return {title: {name: data for name, data in series if name} for title, series in browser.execute_script(script)}


def _load() -> float:
    """How many times as long as on a quiet machine some work takes now."""
    begin, worked = time.perf_counter(), time.thread_time()
    while time.thread_time() - worked < 0.2:
        sum(range(1000))
    return (time.perf_counter() - begin) / (time.thread_time() - worked)


def _choose(browser: WebDriver, label: str, wanted: str) -> None:
    """Choose from a list."""

    def opened() -> bool:
        browser.find_element(By.XPATH, f"//label[text()='{label}']/../..").click()
        return bool(browser.find_elements(By.XPATH, LISTED))

    _wait(browser, opened, f"no list {label!r}")
    item = f"{LISTED}//*[text()='{wanted}']"
    _wait(browser, lambda: browser.find_elements(By.XPATH, item), f"{wanted!r} is not in the list")
    element = browser.find_element(By.XPATH, item)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    time.sleep(0.5)
    element.click()


def _field(browser: WebDriver, label: str) -> WebElement:
    return browser.find_element(By.XPATH, f"//label[text()='{label}']/following-sibling::input")


def _write(field: WebElement, text: str) -> None:
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text, Keys.ENTER)


def _picture(browser: WebDriver, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    time.sleep(1)
    assert browser.save_screenshot(str(SCREENSHOTS / f"{name}.png"))


@pytest.fixture
def page(server: Server, browser: WebDriver) -> Iterator[Page]:
    """The page; afterwards no script has failed, and no word of an error is shown."""
    yield lambda query="": browser.get(f"{server.address}/{query}")
    log = browser.get_log("browser")  # type: ignore[attr-defined]  # drivers of Chromium have it
    severe = [entry["message"] for entry in log if entry["level"] == "SEVERE"]
    assert severe == []
    for word in ("exception", "traceback"):
        assert word not in _text(browser).lower()


def test_step_play_and_reset(page: Page, browser: WebDriver) -> None:
    page()
    _wait_for(browser, "Before the launch")
    _wait(browser, lambda: len(_plots(browser)) == PLOTS, "not all plots appear")
    _picture(browser, "start")
    for done in range(1, 4):
        _press(browser, "Step")
        _wait_for(browser, f"({done} of 79)")
    _wait(browser, lambda: len(_plots(browser)["Members"]["general plan"]) == 3, "three settlements are not drawn")
    _press(browser, "▶")
    _wait(browser, lambda: _done(browser) >= 6, "it does not play")
    _press(browser, "❚❚")
    time.sleep(2)
    stopped = _done(browser)
    time.sleep(2)
    assert _done(browser) == stopped < 79
    assert len(_plots(browser)["Members"]["general plan"]) == stopped
    _picture(browser, "paused")
    _press(browser, "Reset")
    _wait_for(browser, "Before the launch")
    _press(browser, "Step")
    _wait_for(browser, "(1 of 79)")


def test_a_changed_scenario_and_policy_and_a_bad_seed(page: Page, browser: WebDriver) -> None:
    page()
    _wait_for(browser, "scenario default, seed 1")
    _choose(browser, "Scenario of the first world", "no_gate")
    _choose(browser, "Policy of the first world", "age_bands")
    _write(_field(browser, "Seed of every draw"), "7")
    time.sleep(1)
    _press(browser, "Reset")
    _wait_for(browser, "scenario no_gate under age_bands, seed 7")
    link = browser.find_element(By.LINK_TEXT, "Link to this choice").get_attribute("href")
    assert link
    assert link.endswith("?scenario=no_gate&seed=7&policy=age_bands")
    _write(_field(browser, "Seed of every draw"), "7x")
    _wait_for(browser, "seed = '7x' is not allowed")
    _press(browser, "Reset")
    _wait_for(browser, "the last choice that was allowed is shown")
    assert "scenario no_gate under age_bands, seed 7" in _text(browser)
    _picture(browser, "refused")


def test_another_pool_is_chosen_and_reset_keeps_it(page: Page, browser: WebDriver) -> None:
    page()
    _wait_for(browser, "scenario default, seed 1")
    _choose(browser, "Pool", "teaching")
    _wait_for(browser, "to watch adverse selection unravel")
    for _ in range(2):
        _press(browser, "Reset")
        _wait_for(browser, "Teaching pool: 100,000 simulated people")
        _press(browser, "Step")
        _wait_for(browser, "(1 of 120)")
    _wait(browser, lambda: "Share: the plan" in _plots(browser), "the plan of the pool is not drawn")
    assert "euro" in _text(browser)
    assert "yuan" not in _text(browser)
    _picture(browser, "teaching")


def test_it_plays_quickly_and_pause_stops_it(page: Page, browser: WebDriver) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    page()
    _wait_for(browser, "Before the launch")
    _press(browser, "Step")
    _wait_for(browser, "(1 of 79)")
    _press(browser, "▶")
    _wait(browser, lambda: _done(browser) >= 10, "it does not play")
    load = _load()
    begin, first = time.perf_counter(), _done(browser)
    _wait(browser, lambda: _done(browser) >= 40, "it does not play on")
    each = (time.perf_counter() - begin) / (_done(browser) - first)
    _press(browser, "❚❚")
    _wait(browser, lambda: "▶" in _text(browser), "it does not pause")
    time.sleep(0.5)
    stopped = _done(browser)
    time.sleep(1.5)
    assert _done(browser) == stopped < 79
    load = max(load, _load())
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / "speed.txt").write_text(
        f"{each:.3f} s a settlement, on a machine {load:.1f} times as slow as a quiet one\n", encoding="utf-8"
    )
    # Other programs on the machine take their part.
    assert each <= QUICK * load


def test_fifty_resets_leave_the_memory_as_it_was(page: Page, browser: WebDriver, server: Server) -> None:
    page("?scale=10000")
    _wait_for(browser, "Before the launch")

    def reset(times: int) -> int:
        for _ in range(times):
            _press(browser, "Step")
            _wait_for(browser, "(1 of 79)")
            _press(browser, "Reset")
            _wait_for(browser, "Before the launch")
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])

    before = reset(10)
    after = reset(50)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / "memory.txt").write_text(f"{before} kB, after 50 resets {after} kB\n", encoding="utf-8")
    assert after < before + 25_000


def test_a_report_is_whole_and_readable_on_a_phone(browser: WebDriver, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from experiments.cli import main; main()"]
    for arguments in (["figures", "here", "--scale", "200000"], ["report", "here"]):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([*command, *arguments], cwd=tmp_path, env=environment, check=True, capture_output=True)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 400, "height": 850, "deviceScaleFactor": 1, "mobile": True}
    )
    browser.get((tmp_path / "here" / "report.html").as_uri())
    _wait_for(browser, "How to repeat it")
    assert "The history as the record tells it." in _text(browser)
    assert "general_share_2020" in _text(browser)
    widths = "return [...document.images].map(i => [i.naturalWidth, i.getBoundingClientRect().right])"
    pictures = browser.execute_script(widths)
    assert len(pictures) == 6
    assert all(width > 500 and right <= 400 for width, right in pictures)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    _picture(browser, "report")


def test_a_shared_link_leads_to_two_worlds_and_a_life(page: Page, browser: WebDriver) -> None:
    page("?scenario=default&seed=3&second.scenario=no_gate&second.policy=age_bands&second.information=0.9")
    _wait_for(browser, "scenario default, seed 3")
    _press(browser, "▶")
    _wait_for(browser, "(79 of 79)")
    _wait(browser, lambda: len(_plots(browser)["Members"]["general plan"]) == 79, "not all is drawn")
    members = _plots(browser)["Members"]
    assert len(members["general plan, second world"]) == 79
    assert members["general plan, second world"] != members["general plan"]
    assert "Two worlds in numbers" in _text(browser)
    assert "difference" in _text(browser)
    link = browser.find_element(By.LINK_TEXT, "Link to this choice").get_attribute("href")
    assert link.endswith(
        "?scenario=default&seed=3&second.scenario=no_gate&second.policy=age_bands&second.information=0.9"
    )
    crowd = browser.find_element(By.CSS_SELECTOR, ".solara-echarts")
    place = """
    const v = document.querySelector('.solara-echarts').__vue__;
    const [age, risk] = v.chart.getOption().series.find(s => s.name === 'covered').data[5];
    const [x, y] = v.chart.convertToPixel('grid', [age, risk]);
    const box = v.$el.getBoundingClientRect();
    return [Math.round(x - box.width / 2), Math.round(y - box.height / 2)];
    """
    ActionChains(browser).move_to_element_with_offset(crowd, *browser.execute_script(place)).click().perform()
    _wait_for(browser, "One life. Row ")
    life = browser.find_element(By.CSS_SELECTOR, ".life").text
    assert "hears of the pool" in life
    assert "joins the" in life
    _picture(browser, "life")


def test_a_link_with_nonsense_is_a_sentence(page: Page, browser: WebDriver) -> None:
    page("?scenario=nowhere&fee_rat=2")
    _wait_for(browser, "The link is not followed: unknown parameter 'fee_rat'; did you mean 'fee_rate'?")
    assert "scenario default, seed 1" in _text(browser)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080), (400, 850)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_window(page: Page, browser: WebDriver, width: int, height: int, scheme: str) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    page("?second.scenario=no_gate&second.policy=age_bands")
    _wait_for(browser, "Choose" if width < 600 else "Before the launch")
    ink = "return document.querySelector('.solara-echarts').__vue__.chart.getOption().title[0].textStyle.color"
    _wait(browser, lambda: browser.execute_script(ink) == ("#d8d8d8" if scheme == "dark" else "#333333"), "wrong ink")
    for tile in browser.find_elements(By.CSS_SELECTOR, ".tile"):
        assert tile.rect["x"] + tile.rect["width"] <= width
    _picture(browser, f"{width}-{scheme}")


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
