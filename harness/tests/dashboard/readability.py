"""Whether a page can be read: on a small window, and by eyes that need contrast."""

from __future__ import annotations

from playwright.sync_api import Page


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return max(0, wider)


def contrast(page: Page) -> float:
    """The least contrast between any text of the page and its background."""
    least: float = page.evaluate(
        """() => {
          const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
          const light = (c) => { c /= 255; return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; };
          const luminance = ([r, g, b]) => .2126 * light(r) + .7152 * light(g) + .0722 * light(b);
          const behind = (element) => {
            for (let e = element; e; e = e.parentElement) {
              const color = getComputedStyle(e).backgroundColor;
              if (rgb(color)[3] !== 0) return color;
            }
          };
          const texts = [...document.body.querySelectorAll("*")].filter((e) =>
            e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()));
          return Math.min(...texts.map((e) => {
            const pair = [luminance(rgb(getComputedStyle(e).color)), luminance(rgb(behind(e)))].sort((a, b) => b - a);
            return (pair[0] + .05) / (pair[1] + .05);
          }));
        }"""
    )
    return least
