"""Makes docs/page.png, which the README shows: four frames of the page while it plays. Run by `make strip`."""

import io
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium.webdriver.remote.webdriver import WebDriver
from test_page import Server, _done, _free_port, _press, _wait_for, chrome

FRAMES = (4, 24, 50, 79)
"""Settlements."""
WIDTH, HEIGHT, SCALE = 1000, 1130, 0.6
FILE = Path(__file__).parents[2] / "docs" / "page.png"
ALONE = """
const style = document.createElement('style');
style.id = 'alone';
style.textContent = '.v-navigation-drawer, header { display: none !important }'
  + 'main { padding: 0 !important } ::-webkit-scrollbar { display: none }';
document.head.append(style);
window.scrollTo(0, 0);
"""
"""The tiles without the controls beside them."""


def frame(browser: WebDriver) -> Image.Image:
    """What the window shows, without the controls."""
    browser.execute_script(ALONE)
    time.sleep(1.5)  # the plots take the place of the controls
    shot = browser.get_screenshot_as_png()
    browser.execute_script("document.getElementById('alone').remove()")
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    return picture.resize((round(SCALE * picture.width), round(SCALE * picture.height)), Image.Resampling.LANCZOS)


def main() -> None:
    """Play the default history and keep four frames beside each other."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(_free_port(), Path(folder) / "server.txt")
        browser = chrome(Path(folder) / "profile")
        try:
            server.wait_until_ready()
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False},
            )
            browser.get(server.address)
            _wait_for(browser, "Before the launch")
            frames = []
            for settlement in FRAMES:
                for step in range(_done(browser), settlement):
                    _press(browser, "Step")
                    _wait_for(browser, f"({step + 1} of ")
                frames.append(frame(browser))
        finally:
            browser.quit()
            server.process.kill()
            server.process.wait()
    strip = Image.new("RGB", (sum(each.width for each in frames), frames[0].height), "white")
    for number, each in enumerate(frames):
        strip.paste(each, (number * each.width, 0))
    strip.save(FILE, optimize=True)


if __name__ == "__main__":
    main()
