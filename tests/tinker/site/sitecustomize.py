"""skyrl 0.3.0 declares a typing.TypedDict field, which pydantic refuses before Python 3.12."""

import sys
import typing

if sys.version_info < (3, 12):
    import typing_extensions

    typing.TypedDict = typing_extensions.TypedDict
