"""Docker Hub's pull limits: so many pulls in six hours, reported in headers, refused in Hub's own words.

Source: https://docs.docker.com/docker-hub/usage/pulls/ (100 per six hours and address without a login, 200 with a
Personal account; the ``ratelimit-*`` and ``docker-ratelimit-source`` headers).
"""

from __future__ import annotations

from datetime import timedelta

from autograder.domain.dockerhub import ANONYMOUS_PULLS, PERSONAL_PULLS, account_id
from autograder.emulators.clock import stamp
from autograder.emulators.database import Database
from autograder.emulators.interface import Clock, Headers, RegistryError

WINDOW = timedelta(hours=6)
HELP = "https://www.docker.com/increase-rate-limit"
# Texts as Docker prints them behind "toomanyrequests:"
OVER_ANONYMOUS = f"You have reached your unauthenticated pull rate limit. {HELP}"
OVER_PERSONAL = "You have reached your pull rate limit as '{user}'. You may increase the limit by upgrading. " + HELP


class PullLimits:
    """Counts pulls by account, or by network address for callers without one."""

    def __init__(self, database: Database, clock: Clock, unlimited: str) -> None:
        self._database = database
        self._clock = clock
        self._unlimited = unlimited

    def check(self, user: str, client: str) -> None:
        """Raise RegistryError 429 if nothing is left."""
        if user == self._unlimited or self._left(user, client) > 0:
            return
        message = OVER_PERSONAL.format(user=user) if user else OVER_ANONYMOUS
        raise RegistryError(429, "TOOMANYREQUESTS", message, headers=self.headers(user, client))

    def count(self, user: str, client: str) -> None:
        """Count a pull, durably."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM pulls WHERE moment <= ?", (self._start(),))
            connection.execute("INSERT INTO pulls VALUES (?, ?)", (_source(user, client), stamp(self._clock.now())))

    def headers(self, user: str, client: str) -> Headers:
        """What a manifest's answer carries; nothing for an account without a limit."""
        if user == self._unlimited:
            return {}
        window = int(WINDOW.total_seconds())
        return {
            "ratelimit-limit": f"{_limit(user)};w={window}",
            "ratelimit-remaining": f"{self._left(user, client)};w={window}",
            "docker-ratelimit-source": client if not user else account_id(user),
        }

    def _left(self, user: str, client: str) -> int:
        sql = "SELECT COUNT(*) AS used FROM pulls WHERE source = ? AND moment > ?"
        used = int(self._database.query(sql, _source(user, client), self._start())[0]["used"])
        return max(0, _limit(user) - used)

    def _start(self) -> str:
        return stamp(self._clock.now() - WINDOW)


def _limit(user: str) -> int:
    return PERSONAL_PULLS if user else ANONYMOUS_PULLS


def _source(user: str, client: str) -> str:
    return f"user:{user}" if user else f"address:{client}"
