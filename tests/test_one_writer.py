"""Law 2 in the source itself: balances, ledger entries and an order's status have one writer each.

The trees of our modules are searched for every call that could write them. What is found outside
the writer's own module is a second writer.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trees import nodes_of, tree_of

ROOT = Path(__file__).resolve().parent.parent
WRITES = {
    "create",
    "bulk_create",
    "get_or_create",
    "update_or_create",
    "insert",
    "insert_block",
    "add",
}
UPDATES = {"update", "bulk_update", "update_columns", "insert_columns", "save", "move"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for room in ("core", "booster", "office"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), tree_of(path)


def name_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=func):
            return name_of(func)
    return ""


def models_named_in(node: ast.expr) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def adds_rows_of(model: str, tree: ast.AST) -> list[int]:
    """Lines that make rows: Model(…), Model.objects.create(…), insert(Model, …)."""
    found = []
    for call in nodes_of(tree):
        if not isinstance(call, ast.Call):
            continue
        name = name_of(call.func)
        made = isinstance(call.func, ast.Name) and name == model
        by_manager = (
            isinstance(call.func, ast.Attribute)
            and name in WRITES
            and model in models_named_in(call.func.value)
        )
        by_argument = name in WRITES and any(
            isinstance(one, ast.Name) and one.id == model for one in call.args
        )
        if made or by_manager or by_argument:
            found.append(call.lineno)
    return found


def calls_of(method: str, tree: ast.AST) -> list[int]:
    """Lines that call a method of this name, whatever it is of."""
    calls = (one for one in nodes_of(tree) if isinstance(one, ast.Call))
    return [call.lineno for call in calls if name_of(call.func) == method]


def test_an_address_is_proved_in_one_place():
    """Law 4: a target that plays may go to is made where a token was shown, and whoever may ask an
    address that has not shown it is where tokens are looked for."""
    made = {name for name, tree in modules() if adds_rows_of("ProvedTarget", tree)}
    assert made == {"booster/ownership/tokens.py"}
    asking = {name for name, tree in modules() if calls_of("ask_for_token", tree)}
    assert asking == {"booster/ownership/tokens.py", "booster/ownership/verification.py"}


def writes_field(field: str, tree: ast.AST) -> list[int]:
    """Lines that set a column: update(field=…), update_columns(("field",), …), obj.field = …"""
    found = []
    for node in nodes_of(tree):
        match node:
            case ast.Call(func=func, args=args, keywords=keywords) if name_of(func) in UPDATES:
                named = any(keyword.arg == field for keyword in keywords)
                texts = [
                    one.value
                    for part in (*args, *(keyword.value for keyword in keywords))
                    for one in ast.walk(part)
                    if isinstance(one, ast.Constant)
                ]
                if named or field in texts:
                    found.append(node.lineno)
            case ast.Assign(targets=targets):
                found += [
                    node.lineno
                    for target in targets
                    if isinstance(target, ast.Attribute) and target.attr == field
                ]
            case ast.AugAssign(target=ast.Attribute(attr=attr)) if attr == field:
                found.append(node.lineno)
    return found


def places(find: object, *arguments: str) -> dict[str, list[int]]:
    found = {path: find(*arguments, tree) for path, tree in modules()}  # type: ignore[operator]
    return {path: lines for path, lines in found.items() if lines}


def test_only_the_ledger_adds_ledger_entries():
    assert set(places(adds_rows_of, "LedgerEntry")) == {"core/models/ledger.py"}


def test_only_the_ledger_writes_balances():
    assert set(places(writes_field, "balance")) == {"core/models/ledger.py"}


def test_an_order_begins_in_one_place_and_goes_on_in_another():
    assert set(places(adds_rows_of, "Order")) == {"core/ordering/placing.py"}
    begins, goes_on = "core/ordering/placing.py", "core/models/transitions.py"
    assert set(places(adds_rows_of, "OrderEvent")) == {begins, goes_on}


def test_nobody_else_writes_an_orders_status():
    other_rows = {f"core/models/{name}.py" for name in ("approvals", "bulk", "imports")}
    found = {path for path in places(writes_field, "status") if path.startswith("core/")}
    assert found == other_rows


@pytest.mark.parametrize(
    "source",
    [
        "LedgerEntry(amount=1)",
        "LedgerEntry.objects.create(amount=1)",
        "LedgerEntry.objects.using('x').bulk_create(rows)",
        "tables.insert(LedgerEntry, amount=amounts)",
        "insert_block(LedgerEntry, rows)",
    ],
)
def test_the_search_finds_a_second_writer_of_entries(source):
    assert adds_rows_of("LedgerEntry", ast.parse(source)) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "Customer.objects.filter(pk=1).update(balance=F('balance') + 1)",
        "Customer.objects.bulk_update(rows, ['balance'])",
        "Customer.objects.update_columns(('balance',), rows)",
        "customer.save(update_fields=['balance'])",
        "customer.balance += 1",
        "customer.balance = 1",
        "tables.update(Customer, ('balance',), rows)",
    ],
)
def test_the_search_finds_a_second_writer_of_balances(source):
    assert writes_field("balance", ast.parse(source)) == [1]
