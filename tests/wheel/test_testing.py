"""What the installed package says of a function is what the installed program says of it."""

import asyncio
import json
import math
import subprocess
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from bootstrap_host import RunContext, Skip
from bootstrap_host._worker import program
from bootstrap_host.testing import Refused, ask

MANIFEST = """
schema_version: "0.1"
name: cases
version: "1.0.0"
python: {version: ">=3.9"}
entrypoint: {kind: python_function, module: cases, function: predict}
environment: {pip_requirements: requirements.txt}
allora: {topic_id: 1, network: devnet}
"""

# Results of a function, as Python writes them.
TAKEN = [
    "0.1 + 0.2",
    "{'zero': -0.0, 'large': 1e40, 'small': -1e-40, 'text': '1.50', 'long': Decimal('0.' + '123456789' * 9)}",
    "type('Sneaky', (float,), {'__repr__': lambda self: '9'})(2.5)",
]
REFUSED = [
    "None",
    "True",
    "math.nan",
    "[1.0]",
    "Fraction(1, 2)",
    "'1_000'",
    "{}",
    "{'up': None}",
    "1e41",
    "'-1e-41'",
    "10 ** 700",
]


def bundle(folder: Path, code: str) -> Path:
    (folder / "artifacts").mkdir()
    (folder / "requirements.txt").write_text("")
    (folder / "model.yaml").write_text(MANIFEST)
    (folder / "cases.py").write_text(code)
    return folder


def predicted(root: Path, nonce: int) -> Dict[str, Any]:
    """What the program prints of one call."""
    command = [str(program()), "predict", str(root), "--json", "--nonce", str(nonce)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    document: Dict[str, Any] = json.loads(finished.stdout)
    return document


def returning(expression: str) -> Callable[[], object]:
    return lambda: eval(expression)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that returns the case with the number of the nonce."""
    code = "import math\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
    code += f"CASES = {TAKEN + REFUSED!r}\ndef predict(nonce): return eval(CASES[nonce])\n"
    return bundle(tmp_path_factory.mktemp("cases"), code)


@pytest.mark.parametrize("expression", TAKEN)
def test_what_is_taken_has_the_value_that_would_be_submitted(cases: Path, expression: str) -> None:
    document = predicted(cases, TAKEN.index(expression))
    if document["values"] is None:
        value = ask(returning(expression)).value
        assert type(value) is Decimal and value == Decimal(document["value"])
    else:
        submitted = {label: Decimal(value) for label, value in document["values"].items()}
        assert ask(returning(expression)).values == submitted


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_refused_is_refused_in_the_same_words(cases: Path, expression: str) -> None:
    error = predicted(cases, len(TAKEN) + REFUSED.index(expression))["error"]
    assert error["kind"] == "bad_value"
    with pytest.raises(Refused) as refused:
        ask(returning(expression))
    # The program knows the chain's numbers as such; the package says both limits at once.
    shared, _, _ = error["message"].partition("the chain takes no")
    assert str(refused.value).startswith(shared)


def test_a_function_gets_what_it_asks_for() -> None:
    context = RunContext(120, topic_id=7, window_closes_at=130, network="testnet", bundle_root="/b", seconds=5)
    seen = []

    def both(nonce: int, ctx: object) -> int:
        seen.append((nonce, ctx))
        return nonce

    def by_annotation(window: "RunContext") -> int:
        return window.topic_id

    assert ask(both, context).value == 120 and seen == [(120, context)]
    assert ask(by_annotation, context).value == 7
    assert ask(lambda context: context.window_closes_at, context).value == 130
    assert ask(lambda: 3).value == 3
    assert ask(lambda nonce, factor=2: nonce * factor, 4).value == 8
    assert (context.artifacts_dir, context.network) == ("/b/artifacts", "testnet")
    assert 0 < context.deadline <= 5
    with pytest.raises(AttributeError):
        context.nonce = 1  # type: ignore[misc]


def test_a_function_that_cannot_be_called_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="requires 3 arguments"):
        ask(lambda a, b, c: 1)


def test_calls_of_an_async_function_share_one_event_loop() -> None:
    loops = []

    async def predict(nonce: int) -> float:
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())
        return nonce / 2

    assert [ask(predict, nonce).value for nonce in (1, 2)] == [Decimal("0.5"), 1]
    assert loops[0] is loops[1]


def test_what_the_function_raises_comes_through() -> None:
    def closed() -> None:
        raise Skip("closed")

    def broken() -> None:
        raise ValueError("no price")

    with pytest.raises(Skip, match="closed"):
        ask(closed)
    with pytest.raises(ValueError, match="no price"):
        ask(broken)


def test_a_call_that_outlives_its_deadline_is_refused() -> None:
    def slow(context: RunContext) -> int:
        while context.deadline > 0:
            time.sleep(0.01)
        return 1

    with pytest.raises(Refused, match="killed the model"):
        ask(slow, RunContext(1, seconds=0.05))


def test_labels_where_one_number_is_meant_and_the_reverse() -> None:
    with pytest.raises(Refused, match="each of .'down', 'up'."):
        ask(lambda: {"up": 1, "down": 2}).value
    with pytest.raises(Refused, match="no labels"):
        ask(lambda: math.pi).values


def test_the_names_are_those_of_the_model_process(tmp_path: Path) -> None:
    """There they are built in, whatever is installed."""
    code = (
        "import sys\nfrom bootstrap_host import RunContext, Skip\n"
        "def predict(context: RunContext):\n"
        "    if context.nonce == 2: raise Skip('closed')\n"
        "    return isinstance(context, RunContext) + len(vars(sys.modules['bootstrap_host']).get('__path__', ''))\n"
    )
    root = bundle(tmp_path, code)
    assert predicted(root, 1)["value"] == "1"
    assert predicted(root, 2)["error"] == {"kind": "skipped", "message": "closed", "traceback": None}
