"""Calls a model's function as the worker does, for tests.

    from bootstrap_host.testing import ask
    from src.my_model.runner import predict

    def test_a_prediction_is_above_zero():
        assert ask(predict, 120).value > 0

The code that finds out which arguments the function takes, awaits what can be awaited and reads the numbers is the
worker's own. What the function raises, `Skip` too, comes through for `pytest.raises`.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Callable, Dict, Optional, Union

from . import RunContext
from ._worker import worker

__all__ = ["Prediction", "Refused", "ask"]

# What the chain decodes, apart from 0.
_SMALLEST, _LARGEST = Decimal("1e-40"), Decimal("1e40")


class Refused(AssertionError):
    """The worker would not submit it; the text says what was returned, what is wrong with it, and a way out."""


@dataclass(frozen=True)
class Prediction:
    """What the worker would submit, exactly."""

    _numbers: Dict[Optional[str], Decimal]

    @property
    def value(self) -> Decimal:
        """The number, for a topic with one output."""
        __tracebackhide__ = True
        if None not in self._numbers:
            raise Refused(f"the model returned a number for each of {sorted(self.values)}, and not one number")
        return self._numbers[None]

    @property
    def values(self) -> Dict[str, Decimal]:
        """The number of each label, for a topic with several outputs."""
        __tracebackhide__ = True
        if None in self._numbers:
            raise Refused(f"the model returned the number {self.value}, and no labels")
        return {str(label): value for label, value in self._numbers.items()}


def ask(function: Callable[..., object], window: Union[int, RunContext] = 1) -> Prediction:
    """What `function` predicts for a window, given by its nonce or as a whole context.

    The call has the 25 s that a bundle allows by default, or the `seconds` of the context; one that takes longer is not
    interrupted but refused. Raises `Refused` where the worker would submit nothing, and `TypeError` where it could not
    call the function.
    """
    __tracebackhide__ = True
    loaded = worker()  # before the clock of the context runs
    context = window if isinstance(window, RunContext) else RunContext(window)
    result = loaded._call(function, context.nonce, context)
    if context.deadline == 0:
        raise Refused("the call took longer than it may: the worker would have killed the model")
    try:
        numbers = loaded._prediction(result)
    except ValueError as error:
        raise Refused(str(error)) from None
    return Prediction({label: _decimal(text) for label, text in numbers})


def _decimal(text: str) -> Decimal:
    __tracebackhide__ = True
    try:
        value = Decimal(text)
        fits = not value or _SMALLEST <= value.copy_abs() <= _LARGEST
    except ArithmeticError:  # an exponent beyond those of decimal
        fits = False
    if not fits:
        raise Refused(f"{text} cannot be submitted: the chain takes 0 and magnitudes from 1e-40 to 1e40")
    return value
