"""Aligned columns of text."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(lines: Sequence[Sequence[str]], *, left: int = 1, gap: int = 3, first_width: Sequence[int] = ()) -> str:
    """The lines with every column as wide as its widest cell; no line ends in blanks.

    left         how many columns are left-aligned, from the first on; the others are right-aligned
    gap          blanks between columns
    first_width  the least width of the first columns
    """
    least = [*first_width, *(0 for _ in lines[0][len(first_width) :])]
    widths = [max(least[i], *(len(line[i]) for line in lines)) for i in range(len(lines[0]))]
    return "\n".join(
        (" " * gap)
        .join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        .rstrip()
        for line in lines
    )
