"""Small environments for tests: a program's packages, scripts, sources and Python, as an installer lays them out."""

from __future__ import annotations

from pathlib import Path


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def install(folder: Path, *, note: str = "one") -> Path:
    """An environment below a folder; returns its prefix. note: what this machine's installer wrote for itself."""
    prefix, python, source = folder / "env", folder / "python", folder / "work" / "src"
    packages = prefix / "lib" / "python3.11" / "site-packages"
    write(prefix / "pyvenv.cfg", f"home = {python}/bin\ninclude-system-site-packages = false\n")
    write(prefix / "bin" / "program", f"#!{prefix}/bin/python\nfrom package import main\n")
    write(packages / "package" / "__init__.py", "main = print\n")
    write(packages / "package" / "help text.txt", "Prints.\n")
    write(packages / "package-1.dist-info" / "METADATA", "Name: package\n")
    write(packages / "package-1.dist-info" / "RECORD", note)
    write(packages / "package-1.dist-info" / "direct_url.json", note)
    write(packages / "ours.pth", f"{source}\n")
    write(source / "ours" / "program.py", "import package\n")
    write(python / "bin" / "python3.11", "machine code\n")
    write(python / "lib" / "libpython3.11.so.1.0", "more machine code\n")
    write(python / "lib" / "python3.11" / "os.py", "name = 'posix'\n")
    write(python / "lib" / "python3.11" / "site-packages" / "another.py", note)
    (prefix / "bin" / "python").symlink_to(python / "bin" / "python3.11")
    return prefix
