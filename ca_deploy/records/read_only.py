"""A mapping that cannot be changed, for the fields of records."""

from typing import Any, NoReturn


class ReadOnly(dict[Any, Any]):
    """A dict for everything that reads, such as JSON, pickle and ``dataclasses.asdict``; whatever writes fails."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("A record cannot be changed: make another one with dataclasses.replace.")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)

    def __copy__(self) -> "ReadOnly":
        return self
