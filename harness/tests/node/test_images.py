"""Which program stands in for an image, and with which command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from harness.embedded.node.images import Image, Images, Program, UnknownImage, parse_image, repository


def program(
    image: str,
    *extra: Image,
    command: Sequence[str] = (),
    args: Sequence[str] = (),
    annotations: Mapping[str, str] | None = None,
) -> Program:
    return Images(extra).program(image, command=command, args=args, annotations=annotations or {})


@pytest.mark.parametrize(
    ("image", "function"),
    [
        ("ghcr.io/buoyantio/booksapp:v0.0.5", "harness.embedded.apps.booksapp:main"),
        ("buoyantio/booksapp", "harness.embedded.apps.booksapp:main"),
        ("docker.io/buoyantio/booksapp@sha256:0123", "harness.embedded.apps.booksapp:main"),
        ("ghcr.io/buoyantio/booksapp-traffic:v0.0.3", "harness.embedded.apps.traffic:main"),
        ("buoyantio/booksapp-traffic:v0.0.3", "harness.embedded.apps.traffic:main"),
        ("nginx:alpine", "harness.embedded.apps.nginx:main"),
        ("library/nginx", "harness.embedded.apps.nginx:main"),
        ("docker.io/library/nginx:1.27@sha256:0123", "harness.embedded.apps.nginx:main"),
    ],
)
def test_default_images_are_known_under_all_their_names(image: str, function: str) -> None:
    assert program(image).function == function


@pytest.mark.parametrize("image", ["quay.io/acme/nginx", "nginx-ingress", "registry:5000/nginx", "localhost/nginx"])
def test_a_similar_name_is_another_image(image: str) -> None:
    with pytest.raises(UnknownImage, match=r"known images: ghcr.io/buoyantio/booksapp, .*nginx"):
        program(image)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("nginx", "nginx"),
        ("nginx:1.27", "nginx"),
        ("registry:5000/a/b:v1@sha256:ab", "registry:5000/a/b"),
        ("registry:5000/b", "registry:5000/b"),
    ],
)
def test_tag_and_digest_are_no_part_of_the_name(reference: str, name: str) -> None:
    assert repository(reference) == name


def test_a_stand_in_gets_the_command_line_of_the_image() -> None:
    assert program("buoyantio/booksapp", args=["prod:books"]).argv == ("bundle", "exec", "rake", "prod:books")
    assert program("buoyantio/booksapp", command=["rake", "prod:books"]).argv == ("rake", "prod:books")
    assert program("nginx").argv == ("nginx", "-g", "daemon off;")
    assert program("nginx", args=["-v"]).argv == ("nginx", "-v")
    assert program("a/b:1", Image("a/*", "m:f"), args=["x"]).argv == ("b", "x")


def test_the_first_image_that_matches_wins_and_own_ones_come_first() -> None:
    own = Image("*/booksapp", "mine:main")
    assert program("buoyantio/booksapp", own, Image("*", "other:main")).function == "mine:main"
    assert program("something", own, Image("*", "other:main")).function == "other:main"


def test_a_shell_in_the_manifest_is_run_and_not_handed_to_the_stand_in() -> None:
    found = program("stefanprodan/podinfo", command=["/bin/sh", "-c"], args=["echo hi"])
    assert (found.argv, found.function) == (("/bin/sh", "-c", "echo hi"), None)
    assert "podcli" in found.tools
    assert program("stefanprodan/podinfo", command=["./podinfo"]).function
    with pytest.raises(UnknownImage):
        program("busybox", command=["sh", "-c", "true"])


def test_a_local_command_replaces_the_command_of_the_manifest_and_keeps_its_arguments() -> None:
    shop = parse_image("acme/shop=python -m 'my shop'")
    found = program("acme/shop:1", shop, command=["/shop"], args=["--port", "80"])
    assert found == Program(("python", "-m", "my shop", "--port", "80"), None, "signalbox://python -m 'my shop'")
    annotated = program("nginx", command=["/x"], args=["a"], annotations={"signalbox.dev/command": "cat 'b c'"})
    assert annotated.argv == ("cat", "b c", "a")
    assert annotated.function is None


def test_a_broken_annotation_is_named() -> None:
    with pytest.raises(UnknownImage, match=r"signalbox.dev/command is not a command line: No closing quotation"):
        program("nginx", annotations={"signalbox.dev/command": "sh -c 'oops"})


@pytest.mark.parametrize("text", ["nginx", "=a:b", "nginx=", "nginx=  ", "nginx=sh 'x"])
def test_a_broken_mapping_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not PATTERN=|not a command line"):
        parse_image(text)


def test_modules_of_functions_are_preloaded_once() -> None:
    images = Images([Image("a", "m:f"), Image("b", "m:g"), Image("c", command=("d",))], defaults=())
    assert images.modules() == ("m",)
