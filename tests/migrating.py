"""What a migration may do while the office works: nothing that keeps a writer waiting, and nothing
that the release before does not survive beside it.

Held against every migration that is newer than the last release. Tables made since then are empty
and nobody's yet: with them anything goes.
"""

from collections.abc import Iterator
from typing import Any

from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models.expressions import BaseExpression
from django.db.models.functions import Now

from core.db import online

# The newest migration of the last release, and the oldest commit of the history that has it. Move
# both on with a release.
RELEASED = "0035_waiting_top_ups"
RELEASED_COMMIT = "e01b45462fa75a768973c4ade9188a721adb5ef5"
# They hold a few rows, however large the office. What is not named here is large.
SMALL = {
    *("alert", "approvallimit", "breaker", "bulkblock", "bulkjob", "calibration", "heartbeat"),
    *("importjob", "pause", "pricepolicy", "repeat", "retentioncursor", "savedfilter", "site"),
    "webprocess",
}
# Each is waited for a moment while those before it are held: core/management/commands/migrate.py.
MOST_TABLES = 3

QUICK = "quick"
ONLINE = (online.AddIndex, online.AddConstraint, online.ChangeRows)
# What makes an index of a small table or holds its rows against a rule, takes one away, which is
# done in a moment, or changes no table.
HARMLESS = (
    migrations.AddIndex,
    migrations.AddConstraint,
    migrations.RemoveIndex,
    migrations.RemoveConstraint,
    migrations.CreateModel,
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
)
IN_LATER_RELEASE = (
    "the release before still uses it beside the new one: stop using it in this release, and do "
    "this in the next, when RELEASED of tests/migrating.py is past this one"
)


def new_migrations() -> Iterator[tuple[migrations.Migration, ProjectState]]:
    """Each migration since the release, in order, with the state that it finds."""
    loader = MigrationLoader(None)
    plan = loader.graph.forwards_plan(loader.graph.leaf_nodes("core")[0])
    is_new = False
    state = ProjectState(real_apps=loader.unmigrated_apps)
    for key in plan:
        migration = loader.graph.nodes[key]
        if is_new and key[0] == "core":
            yield migration, state.clone()
        is_new = is_new or key == ("core", RELEASED)
        migration.mutate_state(state, preserve=False)


def faults_of_all() -> list[str]:
    """What is wrong with the migrations since the release; a sentence each."""
    found: list[str] = []
    new_tables: set[str] = set()
    for migration, state in new_migrations():
        found += faults(migration, state, new_tables)
        for operation in migration.operations:
            if isinstance(operation, migrations.CreateModel):
                new_tables.add(operation.name.lower())
    return found


def faults(
    migration: migrations.Migration, state: ProjectState, new_tables: set[str] = frozenset()
) -> list[str]:
    """What is wrong with one migration that finds this state; a sentence each."""
    found: list[str] = []
    state, new_tables = state.clone(), set(new_tables)
    touched: dict[str, None] = {}
    for operation in migration.operations:
        table = getattr(operation, "model_name", "").lower()
        if isinstance(operation, migrations.CreateModel):
            new_tables.add(operation.name.lower())
        elif table not in new_tables:
            texts = [*faults_of(operation, table, state, migration)]
            found += [f"{migration.name}: {operation.describe()}: {text}" for text in texts]
            if table:
                touched[table] = None
        operation.state_forwards("core", state)
    if migration.atomic and len(touched) > MOST_TABLES:
        found.append(
            f"{migration.name}: {', '.join(touched)} are held until the last is changed: "
            f"say atomic = False, or change {MOST_TABLES} tables a migration at most"
        )
    return found


def faults_of(
    operation: Any, table: str, state: ProjectState, migration: migrations.Migration
) -> Iterator[str]:
    is_large = table not in SMALL
    if isinstance(operation, ONLINE):
        if migration.atomic:
            yield "say atomic = False in the migration: it does not fit into a transaction"
    elif isinstance(operation, migrations.RunPython | migrations.RunSQL):
        if QUICK not in operation.hints:
            yield (
                "change rows in batches, by core.db.online.ChangeRows in a migration of its own; "
                f"where it touches no row, say what it does by hints={{{QUICK!r}: …}}"
            )
    elif isinstance(operation, migrations.AddIndex) and is_large:
        yield "make the index beside the writers, by core.db.online.AddIndex"
    elif isinstance(operation, migrations.AddConstraint) and is_large:
        yield "hold the rows against it beside the writers, by core.db.online.AddConstraint"
    elif isinstance(operation, migrations.AddField):
        yield from faults_of_new(operation.field, is_large=is_large)
    elif isinstance(operation, migrations.AlterField):
        before = state.models["core", table].fields[operation.name]
        yield from faults_of_change(before, operation.field, is_large=is_large)
    elif isinstance(
        operation,
        migrations.RemoveField
        | migrations.DeleteModel
        | migrations.RenameField
        | migrations.RenameModel
        | migrations.AlterModelTable,
    ):
        yield IN_LATER_RELEASE
    elif not isinstance(operation, HARMLESS):
        yield (
            f"nobody has said what {type(operation).__name__} does to an office that works: find "
            "out, and say so in tests/migrating.py"
        )


def faults_of_new(field: Any, *, is_large: bool) -> Iterator[str]:
    """Of a column."""
    if not field.many_to_many and not field.null and not field.has_db_default():
        yield "the release before inserts rows without it: give it null=True or a db_default"
    if field.generated:
        yield "PostgreSQL writes the whole table anew: use a plain column"
    if is_large:
        if field.has_db_default() and not is_same_for_all(field.db_default):
            yield "PostgreSQL works it out for each row: use a plain value, then AlterField"
        if has_index(field):
            yield "its index is made while nobody writes: db_index=False, and online.AddIndex"
        if field.remote_field and field.db_constraint and not field.null:
            yield "each row is looked up while nobody writes: null=True"


def faults_of_change(before: Any, after: Any, *, is_large: bool) -> Iterator[str]:
    """Of a column that is there."""
    if before.null and not after.null:
        yield "the release before still writes NULL: require it in the next release"
    if not is_large:
        return
    if not is_wider(before, after):
        yield "PostgreSQL writes the whole table anew: add a column, fill it, use it"
    if has_index(after) and not has_index(before):
        yield "its index is made while nobody writes: use online.AddIndex"


def is_same_for_all(default: Any) -> bool:
    """Whether PostgreSQL keeps it once for all rows that are there."""
    return not isinstance(default, BaseExpression) or isinstance(default, models.Value | Now)


def has_index(field: Any) -> bool:
    return field.db_index or field.unique


def is_wider(before: Any, after: Any) -> bool:
    """Whether the column stays as it is, or its texts may only be longer."""
    if type(before) is type(after) is models.CharField:
        return (after.max_length or 1 << 30) >= (before.max_length or 1 << 30)
    if isinstance(before, models.CharField) and isinstance(after, models.TextField):
        return True
    return before.db_type(connection) == after.db_type(connection)
