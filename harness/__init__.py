"""Signalbox: proves what a service mesh does with traffic."""
