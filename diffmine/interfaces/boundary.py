"""Where diffmine calls a component: whose fault an exception is, and whether what came back is what was promised.

Whatever plugins write derives from :class:`Accountable`: components, and what components hand out (``Scoring``,
``Denoiser``, ``ImageSource``, ...). When such a class is defined, the methods that its interface declares are guarded
where they stand, so nobody who calls them has to think of it. A guard does four things:

- An exception that crosses it is marked with its component, once: the innermost component that an exception leaves is
  its culprit. Type, text and traceback stay as they are.
- ``sys.exit`` in a component becomes an error; it would otherwise end a run as if all were well.
- What the interface lends (``@lends``) is read-only inside.
- What comes back is held against the interface's own check (``@returns``, ``@yields``).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar

import numpy as np

from diffmine.errors import ContractError

Method = TypeVar("Method", bound=Callable[..., Any])
Check = Callable[..., Any]
"""``check(result, component, *arguments)`` gives the result on in its canonical form, or raises ``ContractError``."""

_CULPRIT = "__diffmine_culprit__"
_MAKER = "__diffmine_maker__"
_GUARD = "__diffmine_guard__"
_PROMISES = "__diffmine_promises__"


@dataclass(frozen=True, slots=True)
class Culprit:
    """The component that an exception came out of.

    Attributes:
        interface: name of its interface, such as ``Clusterer``.
        name: what recipes call it.
        module: where its class is defined.
    """

    interface: str
    name: str
    module: str

    @property
    def kind(self) -> str:
        """The interface in words, such as ``feature extractor``."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.interface).lower()

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r}"


DIFFMINE = Culprit("Engine", "diffmine", "diffmine")
"""Stands for the code between components."""


def culprit_of(error: BaseException) -> Culprit | None:
    """The component that an exception came out of; None: it crossed no component's boundary, or diffmine's own."""
    found: Culprit | None = vars(error).get(_CULPRIT)
    return None if found == DIFFMINE else found


def accuse(error: BaseException, culprit: Culprit | None) -> None:
    """Mark an exception with its culprit, where it has none yet."""
    if culprit is not None:
        vars(error).setdefault(_CULPRIT, culprit)


@contextmanager
def blaming(component: Accountable) -> Iterator[None]:
    """Exceptions from here are this component's, where no other component's boundary was crossed before."""
    try:
        yield
    except Exception as error:
        accuse(error, component._boundary_culprit(_interface_of(type(component))))
        raise


@contextmanager
def own_work() -> Iterator[None]:
    """Exceptions from here are the stage's, although a component (an executor, a finetuner) called this code."""
    try:
        yield
    except Exception as error:
        accuse(error, DIFFMINE)
        raise


@dataclass(frozen=True, slots=True)
class _Promises:
    """What an interface declares of a method beyond its signature."""

    returns: Check | None = None
    yields: Check | None = None
    lends: tuple[str, ...] = ()


def returns(check: Check) -> Callable[[Method], Method]:
    """Declare what a method of an interface must return; stands below ``@abstractmethod``."""
    return lambda method: _promising(method, returns=check)


def yields(check: Check) -> Callable[[Method], Method]:
    """Declare what each item of the iterator must be that a method of an interface returns."""
    return lambda method: _promising(method, yields=check)


def lends(*names: str) -> Callable[[Method], Method]:
    """Declare arrays that a method of an interface must leave as they are; it is given read-only views."""
    return lambda method: _promising(method, lends=names)


def _promising(method: Method, **promised: Any) -> Method:
    before: _Promises = getattr(method, _PROMISES, _Promises())
    merged = {"returns": before.returns, "yields": before.yields, "lends": before.lends} | promised
    setattr(method, _PROMISES, _Promises(**merged))
    return method


_SHARED: set[type] = set()
"""What interfaces derive from."""


class Accountable:
    """Base of every interface that plugins implement; see this module.

    An *interface* is a class that derives from this one, or from ``Component``, directly. Classes below it have the
    public methods and properties guarded that the interface declares.
    """

    def __init_subclass__(cls, *, shared: bool = False, **options: Any) -> None:
        """``shared``: what all interfaces of a family derive from, such as ``Component``."""
        super().__init_subclass__(**options)
        if shared:
            _SHARED.add(cls)
        elif not _is_interface(cls):
            for name, interface in _declared(cls):
                _guard(cls, name, interface)

    def _boundary_culprit(self, interface: type) -> Culprit | None:
        """Who answers for this object: the component that made it; None where nobody did (in a test, say)."""
        return vars(self).get(_MAKER)


_SHARED.add(Accountable)


def _is_interface(cls: type) -> bool:
    return all(base in _SHARED for base in cls.__bases__ if issubclass(base, Accountable))


def _interfaces(cls: type) -> list[type]:
    """The interfaces that a class implements, then what all of them share."""
    known = [base for base in cls.__mro__ if issubclass(base, Accountable)]
    shared = [base for base in known if base in _SHARED]
    return [base for base in known if _is_interface(base) and base not in shared] + shared


def _interface_of(cls: type) -> type:
    return next(iter(_interfaces(cls)), cls)


def _declared(cls: type) -> Iterator[tuple[str, type]]:
    """Each public method and property that an interface of the class declares, with that interface."""
    seen: set[str] = set()
    for interface in _interfaces(cls):
        for name, member in vars(interface).items():
            if not name.startswith("_") and name not in seen and isinstance(member, (FunctionType, property)):
                seen.add(name)
                yield name, interface


def _guard(cls: type, name: str, interface: type) -> None:
    """Guard a method where the class itself, or one of its bases that is no :class:`Accountable`, defines it."""
    owner = next(base for base in cls.__mro__ if name in vars(base))
    if owner is not cls and issubclass(owner, Accountable):
        return
    member = vars(owner)[name]
    promises = getattr(vars(interface)[name], _PROMISES, _Promises())
    spokesman = _interface_of(cls) if interface in _SHARED else interface
    if isinstance(member, FunctionType) and vars(member).get(_GUARD) is not member:
        setattr(cls, name, _guarded(member, name, spokesman, promises))
    elif isinstance(member, property) and member.fget is not None and vars(member.fget).get(_GUARD) is not member.fget:
        getter = _guarded_getter(member.fget, spokesman)
        setattr(cls, name, property(getter, member.fset, member.fdel, member.__doc__))


def _guarded(method: Callable[..., Any], name: str, interface: type, promises: _Promises) -> Callable[..., Any]:
    parameters = list(inspect.signature(method).parameters)

    @wraps(method)
    def guarded(self: Accountable, /, *arguments: Any, **named: Any) -> Any:
        if getattr(type(self), name, None) is not guarded:  # called by super(): the class's own method answers for it
            return method(self, *arguments, **named)
        if promises.lends:
            arguments, named = _lent(promises.lends, parameters, arguments, named)
        try:
            result = method(self, *arguments, **named)
            if promises.returns is not None:
                result = promises.returns(result, self, *arguments, **named)
            if promises.yields is not None:
                result = iter(result)
            if hasattr(type(result), "__next__"):
                return _iterated(result, self, interface, promises.yields)
            if isinstance(result, Accountable):
                _remember_maker(result, self, interface)
        except Exception as error:
            accuse(error, self._boundary_culprit(interface))
            raise
        except SystemExit as error:
            raise _no_exit(error, self, interface) from error
        return result

    setattr(guarded, _GUARD, guarded)
    return guarded


def _guarded_getter(getter: Callable[[Any], Any], interface: type) -> Callable[[Any], Any]:
    @wraps(getter)
    def guarded(self: Accountable) -> Any:
        try:
            return getter(self)
        except Exception as error:
            accuse(error, self._boundary_culprit(interface))
            raise

    setattr(guarded, _GUARD, guarded)
    return guarded


def _iterated(items: Iterator[Any], self: Accountable, interface: type, check: Check | None) -> Iterator[Any]:
    """The items, attributed while they are computed; what is done with them between two of them is not."""
    while True:
        try:
            item = next(items)
            if check is not None:
                item = check(item, self)
        except StopIteration:
            return
        except Exception as error:
            accuse(error, self._boundary_culprit(interface))
            raise
        except SystemExit as error:
            raise _no_exit(error, self, interface) from error
        yield item


def _lent(
    names: tuple[str, ...], parameters: list[str], arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    positions = {name: number for number, name in enumerate(parameters[1:])}
    given = list(arguments)
    for name in names:
        if name in named:
            named = {**named, name: _read_only(named[name])}
        elif positions.get(name, len(given)) < len(given):
            given[positions[name]] = _read_only(given[positions[name]])
    return tuple(given), named


def _read_only(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def _remember_maker(made: Accountable, maker: Accountable, interface: type) -> None:
    if (culprit := maker._boundary_culprit(interface)) is not None:
        vars(made).setdefault(_MAKER, culprit)


def _no_exit(error: SystemExit, self: Accountable, interface: type) -> ContractError:
    refused = ContractError(f"it called sys.exit({error.code!r}); a component raises an error instead")
    accuse(refused, self._boundary_culprit(interface))
    return refused
