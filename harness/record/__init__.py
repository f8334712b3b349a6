"""A run as a file: every event with its time, one JSON object a line, compressed. docs/record.md is its schema.

with Recorder(path) as record:
    run_paths(paths, None, record)
run = read_record(path)
for stamped in run.events: ...
"""

from harness.record.merge import merge, write_record
from harness.record.reader import Record, Stamped, read_record
from harness.record.writer import Recorder

__all__ = ["Record", "Recorder", "Stamped", "merge", "read_record", "write_record"]
