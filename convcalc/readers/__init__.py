"""Whole networks, from the zoo, a TOML file or an ONNX file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fractions import Fraction

from convcalc.errors import DataError, NotationError, one_line
from convcalc.graph.graph import Graph
from convcalc.notation import Axes, PerAxis, did_you_mean, simplified
from convcalc.readers.exporting import export_of

ZOO = os.path.join(os.path.dirname(__file__), "zoo")
MAX_TOML = 1 << 20
"""Largest TOML file, in bytes."""


def zoo_names() -> tuple[str, ...]:
    """The names of the networks in the zoo."""
    return tuple(sorted(name.removesuffix(".toml") for name in os.listdir(ZOO) if name.endswith(".toml")))


def zoo_name(written: str) -> str | None:
    """The network of the zoo that is meant, in any case and with hyphens, underscores or none; None if there is none.

    >>> zoo_name("MobileNetV2"), zoo_name("resnet_50"), zoo_name("resnet5")
    ('mobilenet-v2', 'resnet50', None)
    """
    names = zoo_names()
    if written in names:
        return written
    return {simplified(name): name for name in names}.get(simplified(written))


def is_model(word: str) -> bool:
    """Whether a word names a network of the zoo, or a file with one.

    >>> is_model("ResNet-50"), is_model("net.onnx"), is_model("k3s2")
    (True, True, False)
    """
    return zoo_name(word) is not None or word.lower().endswith((".toml", ".onnx"))


def zoo_family(written: str) -> tuple[str, ...]:
    """The networks of the zoo that are meant: by name, by the beginning of it, or by a name with more behind it.

    >>> zoo_family("ResNet-50"), zoo_family("mobilenet_v1_0.25_96"), zoo_family("mobilenetv3"), zoo_family("k3s2")
    (('resnet50',), ('mobilenet-v1',), ('mobilenet-v3-large',), ())
    >>> zoo_family("MobileNet")
    ('mobilenet-v1', 'mobilenet-v2', 'mobilenet-v3-large')
    """
    exact = zoo_name(written)
    if exact is not None:
        return (exact,)
    text = simplified(written)
    begun = tuple(name for name in zoo_names() if _family_in(text, name) and simplified(name).startswith(text))
    longer = sorted((name for name in zoo_names() if text.startswith(simplified(name))), key=len)
    return begun or tuple(longer[-1:])


def _family_in(text: str, name: str) -> bool:
    """Whether the text begins with the letters that the name of the network begins with, mobilenet of mobilenet-v2."""
    family = re.split(r"\d|-", name, maxsplit=1)[0]
    return len(family) > 1 and text.startswith(family)


def load_network(model: str, *, input: PerAxis | None = None, batch: int = 1, width: Fraction | float = 1) -> Graph:
    """The network of that name in the zoo, or in that .toml or .onnx file, on its own input or on another.

    Raises ConvcalcError, naming the file and the layer, for a network that cannot be read or whose layers do not fit.
    """
    from convcalc.readers.toml.document import network_from_toml

    name = zoo_name(model)
    if name is not None:
        path, shown = os.path.join(ZOO, f"{name}.toml"), name
    elif model.lower().endswith(".toml"):
        path = shown = model
    elif model.lower().endswith(".onnx"):
        if width != 1:
            raise NotationError(
                "width: scales the filters of a TOML file, got an ONNX file, whose weights are fixed; leave it out"
            )
        return _onnx_reader()(model, input=input, batch=batch)
    else:
        raise NotationError(_unknown(model))
    return network_from_toml(_read(path), shown, input=input, batch=batch, width=width)


def likely_input(model: str) -> Axes | None:
    """An input that a network without one of its own may take, (channels, *spatial); None if nothing is known of it.

    Of an ONNX file, the sizes that it states and the channels of its first weights, the open ones made up.
    """
    if model.lower().endswith(".onnx"):
        _onnx_reader()  # or the error that says what to install
        from convcalc.readers.onnx.inputs import likely_size
        from convcalc.readers.onnx.model import read_model

        return likely_size(read_model(model).graph)
    return (3, 224, 224)


def _unknown(model: str) -> str:
    """Why this is no model, and what would be one."""
    where = f"{one_line(model) or 'net'}: must be a .toml or .onnx file or a network of the zoo"
    export = export_of(one_line(model))
    if export is not None:
        return f"{where}, got {export[0]}; export it: {export[1]}"
    family = zoo_family(model)
    if family:
        return f"{where}; did you mean {' or '.join(family)}? convcalc net lists the zoo"
    return f"{where}; {did_you_mean(model.lower(), zoo_names())}convcalc net lists the zoo"


def _onnx_reader() -> Callable[..., Graph]:
    try:
        from convcalc.readers.onnx.graph import network_from_onnx
    except ImportError as error:
        if (error.name or "").split(".")[0] not in ("onnx", "google"):
            raise
        raise DataError("onnx: reading .onnx files needs the onnx package; pip install 'convcalc[onnx]'") from None
    return network_from_onnx


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_TOML + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"{path}: must be a file that can be read, got {reason.lower()}; check the name") from None
    if not 0 < len(data) <= MAX_TOML:
        raise DataError(f"{path}: must have from 1 to {MAX_TOML} bytes, got {'more' if data else 'none'}")
    return data
