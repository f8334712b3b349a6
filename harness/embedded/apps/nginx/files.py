"""Files as the container sees them: what is mounted, and below it what the image brings."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path

IMAGE = Path(__file__).parent / "image"
FILES_MOUNTED_SINGLY = "etc/nginx"


@dataclass(frozen=True, slots=True)
class ContainerFiles:
    """Looks up absolute paths of the container.

    mounts  directory that mirrors the container's mount paths (`SIGNALBOX_ROOT`); None if nothing is mounted
    image   directory with the image's own files
    """

    mounts: Path | None
    image: Path = IMAGE

    def find(self, path: str) -> Path | None:
        """Where the file or directory really is; None if there is none.

        A mounted directory hides what the image has there, as a mount does. In /etc/nginx single files are mounted,
        so the image's others stay.

        path  absolute, without dot segments
        """
        inner = path.strip("/")
        if self.mounts is not None:
            parent = inner.rpartition("/")[0]
            if (self.mounts / inner).exists():
                return self.mounts / inner
            if parent != FILES_MOUNTED_SINGLY and (self.mounts / parent).is_dir():
                return None
        return self.image / inner if (self.image / inner).exists() else None

    def glob(self, pattern: str) -> list[tuple[str, Path]]:
        """Container path and real path of each file that fits, in order of name; wildcards only in the last part."""
        directory, _, name_pattern = pattern.rpartition("/")
        base = self.find(directory)
        if base is None:
            return []
        names = sorted(glob.glob(name_pattern, root_dir=base))
        return [(f"{directory}/{name}", base / name) for name in names]
