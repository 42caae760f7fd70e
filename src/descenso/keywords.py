"""Settings in messages, which are written with flags, as keyword arguments: for the messages that Python users read."""

import re
import shlex

_FLAG = re.compile(
    r"descenso resume (?P<run>\{\w+\})(?! --)|descenso [a-z]+ [^;`]*--[^;`]*|"  # a command with flags stays as it is
    r"--(?P<name>\{\w+\}|[a-z]+(?:-[a-z]+)*)(?: (?P<value>(?:\{[^{}]*\}|[^\s{},;)'])+))?"
)
_VALUE = re.compile(  # of a flag; other words after a flag belong to the sentence
    r"[\d{]|[A-Z]{2}|\S*[:=/]|(auto|cnn|compiled|cosine|cross_entropy|eager|float32|float64|gelu|graph|keras|mlp|"
    r"naive|npz|off|onnx|permutation|relu|savedmodel|sequential|softmax|workers|yes|latin-1)$"
)
_SAID = {  # flags that Python writes in another way
    "audit": "audit=True",
    "force": "force=True",
    "halving": "halving=True",
    "lang": "descenso.text.use({value})",
    "data-dir": "sources=descenso.Sources(data_dir={value})",
}


def in_python(sentence: str) -> str:
    """Replace the flags of a sentence, not yet filled in, by keyword arguments.

    >>> in_python("got {got}; try --learning-rate 0.1, --label {last}, or another --out")
    'got {got}; try learning_rate=0.1, label={last!r}, or another out='
    """
    return _FLAG.sub(_replaced, sentence)


def _replaced(flag: re.Match[str]) -> str:
    if not flag["name"]:
        return f"descenso.resume('{flag['run']}')" if flag["run"] else flag[0]
    name, value = flag["name"], flag["value"] or ""
    if not _VALUE.match(value) and name != "lang":
        return _SAID.get(name, f"{name.replace('-', '_')}=") + (f" {value}" if value else "")
    if name == "limit":
        return f"sources=descenso.Sources(descenso.Limits({value}))"
    return _SAID.get(name, f"{name.replace('-', '_')}={{value}}").replace("{value}", _quoted(value))


def _quoted(value: str) -> str:
    """Write the value of a flag, which may be a field to be filled in, as Python does."""
    if re.fullmatch(r"\{\w+\}", value):
        return value.replace("}", "!r}")
    return value if re.fullmatch(r"[\d.]+|\{[^{}]*\}", value) else f"'{value}'"


def in_shell(value: str) -> str:
    """Write the value of a flag as a shell takes it: in quotes where it needs some.

    >>> in_shell("alcohol"), in_shell("Precio (EUR)")
    ('alcohol', '"Precio (EUR)"')
    """
    if re.fullmatch(r"[-\w@%+=:,./]*", value):
        return value
    return shlex.quote(value) if set(value) & set('"$`\\!') else f'"{value}"'


def keyword(name: str, value: str | list[str]) -> str:
    """Write a setting as a keyword argument; `value` is as typed on the command line, and empty for a flag alone.

    >>> keyword("rules", ["sgd", "adam"]), keyword("learning_rates", ["0.1", "1"])
    ("rules=['sgd', 'adam']", 'learning_rates=[0.1, 1]')
    >>> keyword("hidden", "64,32"), keyword("weight_decay", "5e-4")
    ('hidden=(64, 32)', 'weight_decay=5e-4')
    """
    if not isinstance(value, str):
        return f"{name}=[{', '.join(map(_written, value))}]"
    if re.fullmatch(r"\d+(,\d+)+", value):
        return f"{name}=({value.replace(',', ', ')})"
    return f"{name}={_written(value) if value else True}"


def _written(value: str) -> str:
    return value if re.fullmatch(r"[-+]?(\d+[.]?\d*|[.]\d+)(e[-+]?\d+)?", value) else repr(value)
