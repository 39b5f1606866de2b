"""What a page is for people who see, hear or point otherwise, measured in a browser: axe, rings, edges and reach."""

import re
from importlib.resources import files
from typing import Any

from playwright.async_api import Page

#: The script alone: it is put into the page past its policy, as a debugger would.
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
WIDTHS = (320, 768, 1280)
GRAVE = {"serious", "critical"}
#: WCAG 2.2, 1.4.11: what shows where the focus is, and where a field is.
CONTRAST_MIN = 3.0

#: Of an element, what surrounds it: the first ground that is not transparent, its gradients included, over white.
_MEASURE = """
const parse = (written) => {
  const found = written.match(/[\\d.]+/g).map(Number);
  return [found[0], found[1], found[2], found.length > 3 ? found[3] : 1];
};
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const grounds = (element) => {
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    const style = getComputedStyle(one);
    const stops = style.backgroundImage.match(/rgba?\\([^)]*\\)/g);
    if (stops) return stops.map(parse).map((stop) => layers.reduceRight((below, top) => over(top, below), stop));
    const colour = parse(style.backgroundColor);
    if (colour[3] === 1) return [layers.reduceRight((below, top) => over(top, below), colour)];
    if (colour[3] > 0) layers.push(colour);
  }
  return [layers.reduceRight((below, top) => over(top, below), [255, 255, 255, 1])];
};
const luminance = (colour) => {
  const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = colour.slice(0, 3).map((c) => linear(c / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const worst = (colour, element) =>
  Math.min(...grounds(element).map((ground) => contrast(over(parse(colour), ground), ground)));
const name = (one) => one.id || one.getAttribute("aria-label") || one.textContent.trim() || one.name;
"""

#: The element that has the focus: whose it is, and how its ring stands out from what lies around it.
_FOCUSED = f"""() => {{
{_MEASURE}
  const element = document.activeElement;
  if (!element || element === document.body || window.passed.has(element)) return null;
  window.passed.add(element);
  const style = getComputedStyle(element);
  const ring = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
  return {{ name: name(element), ring, contrast: worst(style.outlineColor, element.parentElement) }};
}}"""

_FIELDS = f"""() => {{
{_MEASURE}
  return [...document.querySelectorAll("input:not([type=hidden]), select, textarea")].map((field) => {{
    const edge = getComputedStyle(field).borderTopColor;
    return {{ name: name(field), contrast: Math.min(worst(edge, field), worst(edge, field.parentElement)) }};
  }});
}}"""

#: Blocks whose content is wider than they are and that no key can move.
_STUCK = """() => [...document.querySelectorAll("body *")]
  .filter((one) => /auto|scroll/.test(getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth)
  .filter((one) => one.tabIndex < 0 || !one.getAttribute("aria-label"))
  .map((one) => one.outerHTML.slice(0, 120))"""

_SIZES = """() => [...document.querySelectorAll("body *")].filter((one) => one.getClientRects().length)
  .map((one) => parseFloat(getComputedStyle(one).fontSize))"""


async def grave_findings(page: Page) -> list[str]:
    """Return what axe finds serious or worse on a page."""
    await page.evaluate(AXE)
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{page.url} {one['id']} ({one['impact']}): {node['html'][:160]} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


async def rings(page: Page, most: int = 120) -> dict[str, float]:
    """Go through a page by its keys and return, by name, how far the ring of each stop stands out; 0 without one."""
    found: dict[str, float] = {}
    await page.evaluate("() => { document.activeElement.blur(); window.passed = new WeakSet(); }")
    for _ in range(most):
        await page.keyboard.press("Tab")
        stop: dict[str, Any] | None = await page.evaluate(_FOCUSED)
        if stop is None:
            return found
        name, seen = re.sub(r"\s+", " ", stop["name"]), stop["contrast"] if stop["ring"] >= 2 else 0
        found[name] = min(seen, found.get(name, seen))
    raise AssertionError(f"{page.url} has more than {most} stops, or one that keeps the focus")


async def edges(page: Page) -> dict[str, float]:
    """Return, by name, how the edge of each field stands out from what lies inside and around it."""
    return {field["name"]: field["contrast"] for field in await page.evaluate(_FIELDS)}


async def stuck_blocks(page: Page) -> list[str]:
    """Return the blocks that scroll and that no key can reach."""
    found: list[str] = await page.evaluate(_STUCK)
    return found


async def sizes(page: Page) -> list[float]:
    """Return the size of every piece of text, in the order of the page."""
    found: list[float] = await page.evaluate(_SIZES)
    return found
