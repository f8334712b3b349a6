"""How shares and counts are written, the same way in lint messages, progress lines and verdicts."""

from __future__ import annotations


def percent(share: float, digits: int = 1) -> str:
    """A share of 1 as a percentage without idle zeros: 0.1 is «10%», 0.889 is «88.9%».

    digits  decimals of the percentage; a share that would round to nothing keeps two significant digits, and one
            that would round up to everything is cut off below it, so that «0%» and «100%» always mean exactly that
    """
    value = share * 100
    text = f"{value:.{digits}f}"
    if float(text) == 0 and value != 0:
        text = f"{value:.2g}"
        if "e" in text:
            text = f"{value:.12f}".rstrip("0")
    elif float(text) == 100 and value < 100:
        text = f"{min(value, 99.99):.2f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "%"


def points(difference: float) -> str:
    """A difference of two shares in percentage points: 0.05 is «5pp»."""
    return percent(difference, digits=3).removesuffix("%") + "pp"


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is one: «1 response», «688 responses»."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
