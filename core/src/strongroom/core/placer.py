"""Proving that statements of a package are in the log, under the package's one checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from strongroom.core import log
from strongroom.core.packages import Placed
from strongroom.core.statements import Context, check_context, parse_statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Placer:
    """Proves places under a package's one checkpoint."""

    witnessed: log.WitnessedCheckpoint
    context: Context

    @property
    def time(self) -> datetime:
        """The checkpoint's time."""
        return datetime.fromtimestamp(self.witnessed.time_s, UTC)

    def check(self, package: Placed, path: str) -> None:
        """Raise NOT_IN_LOG, WRONG_ORGANIZATION or ENVIRONMENT_MISMATCH."""
        check_context(parse_statement(package.envelope, path), self.context, path)
        log.check_in_log(
            envelope=package.envelope.encode(),
            index=package.index,
            checkpoint=self.witnessed.checkpoint,
            proof=package.proof,
            field=path,
        )
