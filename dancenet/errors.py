"""Errors that a user can cause, worded so that they can be mended."""


class DancenetError(Exception):
    """A mistake in the input, said in one line: what was received, what was expected, how to mend it.

    The command line prints it without a traceback and exits with code 2.
    """

    def __init__(self, received: str, expected: str = "", mend: str = ""):
        self.received, self.expected, self.mend = received, expected, mend
        parts = [received.rstrip(".")]
        if expected:
            parts.append(f"expected {expected.rstrip('.')}")
        if mend:
            parts.append(mend.rstrip("."))
        super().__init__(" · ".join(" ".join(part.split()) for part in parts))


class MissingDependencyError(DancenetError):
    """An optional package is not installed; the message holds the line that installs it."""

    def __init__(self, package: str, extra: str):
        super().__init__(
            f"the package {package} is not installed",
            mend=f"install it with: pip install 'dancenet[{extra}]'",
        )
