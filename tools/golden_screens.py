"""Take the pictures of every dialog again: `.venv/bin/python tools/golden_screens.py`.

They are written below `docs/devices/screens`, a folder for each program and language: one text a dialog, one SVG a
screenful. `tests/screens/test_golden.py` compares them with what the programs draw, so a change shows as a difference.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
sys.path.insert(0, str(HERE / "tests/support"))

from gallery import PROGRAMS, take_pictures  # noqa: E402 -- The path to the tests' firm comes first.
from strongroom.devices.screens.language import Language  # noqa: E402

FOLDER = HERE / "docs/devices/screens"


def draw(program: str, language: Language) -> dict[str, str]:
    """File name to content, for one program in one language."""
    files: dict[str, str] = {}
    for picture in take_pictures(program, language):
        files[f"{picture.name}.txt"] = picture.text
        for number, drawing in enumerate(picture.drawings, start=1):
            files[f"{picture.name}-{number}.svg"] = drawing
    return files


def main() -> int:
    """Write all of them, and nothing else."""
    for program in PROGRAMS:
        for language in Language:
            folder = FOLDER / program / language.value
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            files = draw(program, language)
            for name, content in files.items():
                (folder / name).write_text(content, "utf-8")
            sys.stdout.write(f"{folder.relative_to(HERE)}: {len(files)} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
