"""Responses and a claim in, a verdict with bounded error out. Pure: no I/O, no clock, nothing but the standard library.

claim = Share(target=0.10, resolution=0.05)
judge = ShareJudge(claim)
while judge.add(hits, total) is None: ...          # batches in issue order, of any size
print(judge.judgement("responses with status 500"))
"""

from harness.verdict.budget import FalseAlarms, alpha_of_each, false_alarms
from harness.verdict.claims import Band, ErrorBounds, Every, Share
from harness.verdict.every import EveryJudge
from harness.verdict.fixed import fixed_size
from harness.verdict.independence import Clusters, Dependence, Runs
from harness.verdict.judgement import Cause, Evidence, Judge, Judgement, Verdict
from harness.verdict.share import ShareJudge
from harness.verdict.split import SplitJudge

__all__ = [
    "Band",
    "Cause",
    "Clusters",
    "Dependence",
    "ErrorBounds",
    "Every",
    "EveryJudge",
    "Evidence",
    "FalseAlarms",
    "Judge",
    "Judgement",
    "Runs",
    "Share",
    "ShareJudge",
    "SplitJudge",
    "Verdict",
    "alpha_of_each",
    "false_alarms",
    "fixed_size",
]
