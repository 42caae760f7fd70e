"""Files that someone else may have written."""

import os
import re

import pytest

from descenso.errors import DataError
from descenso.files import inside, open_regular


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    (folder / "to file").symlink_to("file")
    (folder / "to out").symlink_to("../out")
    (tmp_path / "to folder").symlink_to("folder")
    for name in ("file", "to file", "not there"):
        assert inside(folder, name) == folder / name
        assert inside(tmp_path / "to folder", name) == tmp_path / "to folder" / name
    for names_ in (["to out"], ["to out", "file"], ["..", "out"]):
        message = f"{folder.joinpath(*names_)}: a link out of the folder; copy the file into it"
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            inside(folder, *names_)


def test_only_regular_files_of_the_size_are_opened(tmp_path):
    (tmp_path / "file").write_bytes(b"four")
    with open_regular(tmp_path / "file", 4) as file:
        assert file.read() == b"four"
    with pytest.raises(ValueError, match="^more than 3 bytes$"):
        open_regular(tmp_path / "file", 3)
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("pipe", "not a regular file"), (".", "Is a directory"), ("none", "No such file")):
        with pytest.raises(OSError, match=reason):
            open_regular(tmp_path / name)
