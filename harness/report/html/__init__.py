"""The run as one HTML file: no other file is needed to read it, on any screen, on paper, or by ear."""

from harness.report.html.page import page

__all__ = ["page"]
