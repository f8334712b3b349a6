#!/usr/bin/env python3
"""Starts the app that this image stands in for, with the command line that the original image would run.

Called by the name of one of the original's programs it is that program; called as the image's entry point it is
SIGNALBOX_PROGRAM, and SIGNALBOX_COMMAND is what the original's entry point says before the arguments.
"""

import importlib
import os
import sys

NAMED = {"podinfo": "podinfo:main", "podcli": "podinfo.podcli:main"}

name = os.path.basename(sys.argv[0])
module, _, function = NAMED.get(name, os.environ["SIGNALBOX_PROGRAM"]).partition(":")
head = [sys.argv[0]] if name in NAMED else os.environ["SIGNALBOX_COMMAND"].split()
main = getattr(importlib.import_module(f"harness.embedded.apps.{module}"), function)
sys.exit(main([*head, *sys.argv[1:]]))
