"""Bombs in settings: TOML, and the JSON of a run."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from descenso.config import TrainConfig
from descenso.files import read_settings
from powder import Bomb, link, sparse

TOO_LARGE = r"the settings .* cannot be read \(more than 16384 bytes\); try --config FILE\.toml"
NO_FILE = r"the settings .* cannot be read \(not a regular file\); try --config FILE\.toml"
NO_UTF8 = r"the settings .* cannot be read \('utf-8' codec can't decode .*\); try --config FILE\.toml"
NO_TOML = r".*\.toml is not TOML: (?s:.*)"
NO_JSON = r".*\.json: .+"


def settings(name: str, content: Callable[[Path], Any] | bytes, told: str) -> Bomb:
    """Return a bomb in a file of settings."""

    def make(folder: Path) -> None:
        (folder / name).write_bytes(content) if isinstance(content, bytes) else content(folder / name)

    return Bomb(make, lambda folder: TrainConfig.of(**read_settings(folder / name)), told, "ConfigError")


def toml(content: Callable[[Path], Any] | bytes, told: str = NO_TOML) -> Bomb:
    return settings("settings.toml", content, told)


def as_json(content: Callable[[Path], Any] | bytes, told: str = NO_JSON) -> Bomb:
    return settings("config.json", content, told)


DOTS = r".*\.toml is not TOML: more than 1024 dots"
SETTINGS_BOMBS = {
    "TOML, arrays in arrays": toml(b"data = " + b"[" * 16000),
    "TOML, tables in tables": toml(b"data = " + b"{a=" * 5000),
    "TOML, a name of dots": toml(b"a." * 8000 + b"a = 1", DOTS),
    "TOML, headers of dots": toml(b"".join(b"[" + b"a." * n + b"a]\n" for n in range(120)), DOTS),
    "TOML, a number of 16,000 digits": toml(b"seed = " + b"9" * 16000),
    "TOML, a number of 16,000 hexadecimal digits": toml(
        b"seed = 0x" + b"f" * 16000, r"seed must be a whole number in \[0, 2\*\*63\), got <int>; try --seed 0"
    ),
    "TOML, an infinite rate": toml(b"learning-rate = 1e999", r"learning_rate must be .*, got inf; try .*"),
    "TOML, a date for a number": toml(b"epochs = 1979-05-27T07:32:00Z", r"epochs must be .*, got datetime.*; try .*"),
    "TOML, half of a character": toml(rb'data = "\ud800"'),
    "TOML, a name that colours": toml(
        rb'"\u001b[31m\u202e" = 1', r"there is no setting '\\x1b\[31m\\u202e'; the settings are .*"
    ),
    "TOML, quotes without end": toml(b'data = """' + b'"' * 16000),
    "TOML, a million lines": toml(b"\n" * 10**6, TOO_LARGE),
    "TOML, a terabyte without room": toml(sparse(2**40), TOO_LARGE),
    "TOML, bytes of no text": toml(b"\xff\xfe\0e\0p", NO_UTF8),
    "TOML, a pipe": toml(os.mkfifo, NO_FILE),
    "TOML, zeros without end": toml(link("/dev/zero"), NO_FILE),
    "TOML, a link to itself": toml(
        link("settings.toml"), r"the settings .* cannot be read \(.*symbolic links.*\); try --config FILE\.toml"
    ),
    "TOML, a pickle": toml(pickle.dumps(os.getcwd), NO_UTF8),
    "JSON, arrays in arrays": as_json(b"[" * 16000),
    "JSON, objects in objects": as_json(b'{"data":' * 2000),
    "JSON, a number of 16,000 digits": as_json(b'{"seed": ' + b"9" * 16000 + b"}"),
    "JSON, an infinite rate": as_json(b'{"learning_rate": 1e999}', r".*learning_rate must be .*, got inf; try .*"),
    "JSON, no number for a rate": as_json(b'{"learning_rate": NaN}', r".*learning_rate must be .*, got nan; try .*"),
    "JSON, half of a character": as_json(rb'{"data": "\ud800"}'),
    "JSON, a buffer of digits": as_json(b'{"order": "buffer:' + b"9" * 16000 + b'"}', r".*order must be .*"),
    "JSON, a name that is ours": as_json(
        b'{"__class__": "os.system", "cls": 1}', r".*there is no setting '__class__'.*"
    ),
    "JSON, a module with a command": as_json(b'{"model": "os:system(1)"}', r".*model must be .*"),
    "JSON, bytes of no text": as_json(b'{"data": "\xff"}', NO_UTF8),
    "JSON, a megabyte of blanks": as_json(b" " * 10**6, TOO_LARGE),
}
