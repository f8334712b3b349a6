"""Which local program stands in for a container image: an image is only a name here, nothing is pulled."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

COMMAND_ANNOTATION = "signalbox.dev/command"
_SHELLS = frozenset({"sh", "bash"})
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Image:
    """A stand-in for all images whose repository matches `pattern` (fnmatch, without tag and digest).

    function    "module:name", forked from the warmed-up parent; or
    command     a local command line
    entrypoint  what the real image starts if the manifest names no `command`; `arguments` likewise for `args`
    tools       other programs of the image, for probes and exec: name -> "module:name"
    """

    pattern: str
    function: str | None = None
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)

    @property
    def stands_in(self) -> str:
        """The program, as shown in a container's imageID."""
        return self.function or shlex.join(self.command)


@dataclass(frozen=True, slots=True)
class Program:
    """What a container runs: `function` called with argv, or argv executed if there is none.

    tools  programs of the image that exec and probes may name, as in `Image`
    """

    argv: tuple[str, ...]
    function: str | None
    image_id: str
    tools: Mapping[str, str] = field(default_factory=dict)


class UnknownImage(Exception):
    """No program is known for an image; the message lists the known ones and the two ways out."""


ECHO_ANNOTATION = "signalbox.dev/echo"
_ECHO = Program(("echo",), "harness.embedded.apps.echo:main", "signalbox://harness.embedded.apps.echo:main")
_PODCLI = {"podcli": "harness.embedded.apps.podinfo.podcli:main"}  # §8.4.8: its probes are exec probes

DEFAULT_IMAGES = (
    Image(
        "ghcr.io/buoyantio/booksapp",
        "harness.embedded.apps.booksapp:main",
        entrypoint=("bundle", "exec", "rake"),  # §8.1.1
    ),
    Image("buoyantio/booksapp", "harness.embedded.apps.booksapp:main", entrypoint=("bundle", "exec", "rake")),
    Image("ghcr.io/buoyantio/booksapp-traffic", "harness.embedded.apps.traffic:main", entrypoint=("traffic",)),
    Image("buoyantio/booksapp-traffic", "harness.embedded.apps.traffic:main", entrypoint=("traffic",)),
    Image("nginx", "harness.embedded.apps.nginx:main", entrypoint=("nginx",), arguments=("-g", "daemon off;")),
    Image(
        "ghcr.io/stefanprodan/podinfo", "harness.embedded.apps.podinfo:main", entrypoint=("./podinfo",), tools=_PODCLI
    ),
    Image("stefanprodan/podinfo", "harness.embedded.apps.podinfo:main", entrypoint=("./podinfo",), tools=_PODCLI),
    Image(
        "fortio/fortio",
        "harness.embedded.apps.echo:fortio",
        entrypoint=("/usr/bin/fortio",),
        arguments=("server",),
    ),
)


class Images:
    """All known images; the first that matches wins, and `extra` comes before the default ones."""

    def __init__(self, extra: Iterable[Image] = (), defaults: Iterable[Image] = DEFAULT_IMAGES) -> None:
        self._images = (*extra, *defaults)

    def modules(self) -> tuple[str, ...]:
        """The modules of all stand-in functions, to be loaded before the first pod starts."""
        functions = [f for image in self._images for f in (image.function, *image.tools.values()) if f]
        return tuple(dict.fromkeys(function.partition(":")[0] for function in functions))

    def program(
        self, reference: str, *, command: Sequence[str], args: Sequence[str], annotations: Mapping[str, str]
    ) -> Program:
        """What a container of this image runs; raises UnknownImage.

        A stand-in function gets the command line that the image would run. A local command, from the image map or
        from the pod's annotation, replaces the image's program (`command` names a file that only the image has)
        and gets the container's `args`. A manifest's shell is this machine's, as it is for exec.
        """
        if annotations.get(COMMAND_ANNOTATION, "").strip():
            line = _annotated(annotations[COMMAND_ANNOTATION])
            return Program((*line, *args), None, f"signalbox://{shlex.join(line)}")
        if annotations.get(ECHO_ANNOTATION) == "true":
            return _ECHO
        image = self._find(reference)
        image_id = f"signalbox://{image.stands_in}"
        if image.function is None:
            return Program((*image.command, *(args or image.arguments)), None, image_id)
        if command and PurePosixPath(command[0]).name in _SHELLS:
            return Program((*command, *args), None, image_id, image.tools)
        if command:
            return Program((*command, *args), image.function, image_id, image.tools)
        entrypoint = image.entrypoint or (repository(reference).rpartition("/")[2],)
        return Program((*entrypoint, *(args or image.arguments)), image.function, image_id, image.tools)

    def _find(self, reference: str) -> Image:
        names = aliases(repository(reference))
        for image in self._images:
            if any(fnmatchcase(name, image.pattern) for name in names):
                return image
        known = ", ".join(dict.fromkeys(image.pattern for image in self._images))
        raise UnknownImage(
            f'no local program stands in for image "{reference}"; known images: {known}. Map the image to a program '
            f"with --image {repository(reference)}=MODULE:FUNCTION (or =COMMAND LINE), or annotate the pod with "
            f'{COMMAND_ANNOTATION}: "COMMAND LINE", or with {ECHO_ANNOTATION}: "true" to be an echo server'
        )


def _annotated(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UnknownImage(f"annotation {COMMAND_ANNOTATION} is not a command line: {error}") from None


def parse_image(text: str) -> Image:
    """An image from `PATTERN=module:function` or `PATTERN=command line`; raises ValueError that says what is wrong."""
    pattern, equals, program = text.partition("=")
    if not equals or not pattern or not program.strip():
        raise ValueError(f"'{text}' is not PATTERN=MODULE:FUNCTION or PATTERN=COMMAND LINE")
    if _FUNCTION.fullmatch(program):
        return Image(pattern, program)
    try:
        return Image(pattern, command=tuple(shlex.split(program)))
    except ValueError as error:
        raise ValueError(f"'{program}' is not a command line: {error}") from None


def repository(reference: str) -> str:
    """The image's name without tag and digest; a colon before the last slash belongs to a registry's port."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def aliases(name: str) -> tuple[str, ...]:
    """All names under which people know one repository: `nginx` is `docker.io/library/nginx`."""
    for prefix in ("docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/", "library/"):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    head = name.partition("/")[0]
    if "/" in name and ("." in head or ":" in head or head == "localhost"):
        return (name,)
    if "/" in name:
        return (name, f"docker.io/{name}")
    return (name, f"library/{name}", f"docker.io/library/{name}")
