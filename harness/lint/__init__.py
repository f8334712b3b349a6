"""What is wrong, or probably not meant, in mesh objects: told from the objects alone, each finding with a code.

Every code has a page in docs/lint. No I/O; places are paths inside documents, which callers turn into lines.
"""
