"""The scenario language: files to models with lines, and everything that is wrong with them at once."""
