"""Where the wrapped keys of this terminal lie, looked up once a session; the keys themselves are read when used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from strongroom.vault.hsm.key_file import SUFFIX
from strongroom.vault.hsm.pool_file import INDEX_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFolder:
    """Where wrapped keys lie, found once a session: single files by name, and folders of finished pools."""

    files: Mapping[str, Sequence[Path]]
    pools: Sequence[Path]

    @classmethod
    def find(cls, folder: Path) -> KeyFolder:
        """Look through a folder with its sub-folders. A pool that is not finished has no index, and is passed over."""
        files: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob(f"*{SUFFIX}")):
            files.setdefault(path.name, []).append(path)
        return cls(files=files, pools=tuple(path.parent for path in sorted(folder.rglob(INDEX_NAME))))
