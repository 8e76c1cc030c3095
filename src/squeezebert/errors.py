"""What can go wrong, as one small tree.

::

    SqueezeBertError
    ├── ConfigError          an architecture that cannot exist
    ├── ArtifactError        a folder, file or tensor that is missing, damaged or contradicts the config
    ├── InputError           a text, id, column or option that the caller passed
    ├── HeadError            the artifact has no head for what was asked
    ├── AccuracyError        what was made is worse than it may be, so it was not written
    └── MissingExtraError    an optional dependency is not installed

Every message says what is wrong, what was seen and what to do. The command line prints it on one line and exits 2, for
an AccuracyError 3.
"""

from __future__ import annotations


class SqueezeBertError(Exception):
    """The root of every error that a user can cause and mend."""


class ConfigError(SqueezeBertError):
    """An architecture that cannot exist: sizes that do not divide, unknown options."""


class ArtifactError(SqueezeBertError):
    """A folder, file or tensor that is missing, damaged, or contradicts the config."""


class InputError(SqueezeBertError):
    """A text, id, column or option that cannot be used as it was passed."""


class HeadError(SqueezeBertError):
    """The artifact has no head for what was asked of it."""


class AccuracyError(SqueezeBertError):
    """What a stage made loses more accuracy than was allowed."""


class MissingExtraError(SqueezeBertError):
    """An optional dependency is not installed; the message is the pip line that brings it."""

    def __init__(self, extra: str, package: str = "") -> None:
        self.extra = extra
        what = f"{package} is not installed" if package else f"the extra {extra!r} is not installed"
        super().__init__(f"{what}; run: pip install 'squeezebert[{extra}]'")
