"""The messages and services of podinfo's gRPC server (6.9.3, pkg/api/grpc), made at run time from their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

_TEXT: Final = (FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.LABEL_OPTIONAL)
_TEXTS: Final = (FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.LABEL_REPEATED)
_NUMBER: Final = (FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.LABEL_OPTIONAL)
_FACTS: Final = (
    *("hostname", "version", "revision", "color", "logo", "message", "goos", "goarch", "runtime"),
    *("numgoroutine", "numcpu"),
)
Fields = Mapping[str, tuple[int, int]]
"""Type and label by name; the numbers follow from the order."""


@dataclass(frozen=True, slots=True)
class _File:
    """One .proto file: messages by name, and of its one service the methods with what they take and give."""

    package: str
    messages: Mapping[str, Fields]
    service: str
    methods: Mapping[str, tuple[str, str]]


_FILES: Final = (
    _File("echo", {"Message": {"body": _TEXT}}, "EchoService", {"Echo": ("Message", "Message")}),
    _File(
        "version",
        {"VersionRequest": {}, "VersionResponse": {"version": _TEXT, "commit": _TEXT}},
        "VersionService",
        {"Version": ("VersionRequest", "VersionResponse")},
    ),
    _File(
        "panic",
        {"PanicRequest": {}, "PanicResponse": {}},
        "PanicService",
        {"Panic": ("PanicRequest", "PanicResponse")},
    ),
    _File(
        "delay",
        {"DelayRequest": {"seconds": _NUMBER}, "DelayResponse": {"message": _NUMBER}},
        "DelayService",
        {"Delay": ("DelayRequest", "DelayResponse")},
    ),
    _File(
        "header",
        {"HeaderRequest": {}, "HeaderResponse": {"headers": _TEXTS}},
        "HeaderService",
        {"Header": ("HeaderRequest", "HeaderResponse")},
    ),
    _File(
        "info",
        {"InfoRequest": {}, "InfoResponse": dict.fromkeys(_FACTS, _TEXT)},
        "InfoService",
        {"Info": ("InfoRequest", "InfoResponse")},
    ),
    _File(
        "status",
        {"StatusRequest": {"code": _TEXT}, "StatusResponse": {"status": _TEXT}},
        "StatusService",
        {"Status": ("StatusRequest", "StatusResponse")},
    ),
    _File(
        "token",
        {"TokenRequest": {}, "TokenResponse": dict.fromkeys(("token", "expiresAt", "message"), _TEXT)},
        "TokenService",
        {
            "TokenGenerate": ("TokenRequest", "TokenResponse"),
            "TokenValidate": ("TokenRequest", "TokenResponse"),
        },
    ),
    _File(
        "env",
        {"EnvRequest": {}, "EnvResponse": {"envVars": _TEXTS}},
        "EnvService",
        {"Env": ("EnvRequest", "EnvResponse")},
    ),
)


@dataclass(frozen=True, slots=True)
class Method:
    """A unary method by its path, with the classes of its request and its answer."""

    path: str
    takes: Any
    gives: Any


def _made(file: _File) -> tuple[Method, ...]:
    """The methods of a file, whose messages are in protobuf's default pool: where reflection looks for them."""
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(_descriptor(file).SerializeToString())
    classes = {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{name}"))
        for name in file.messages
    }
    return tuple(
        Method(f"/{file.package}.{file.service}/{method}", classes[takes], classes[gives])
        for method, (takes, gives) in file.methods.items()
    )


def _descriptor(file: _File) -> FileDescriptorProto:
    described = FileDescriptorProto(name=f"{file.package}/{file.package}.proto", package=file.package, syntax="proto3")
    for name, fields in file.messages.items():
        message = described.message_type.add(name=name)
        for number, (field, (kind, label)) in enumerate(fields.items(), start=1):
            message.field.add(name=field, number=number, type=kind, label=label)
    service = described.service.add(name=file.service)
    for method, (takes, gives) in file.methods.items():
        service.method.add(name=method, input_type=f".{file.package}.{takes}", output_type=f".{file.package}.{gives}")
    return described


SERVICES: Final = tuple(_made(file) for file in _FILES)
"""The methods of each service."""
