"""Recipes of known software, one file each. Such files go from office to office without secrets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from booster.exceptions import PermanentError, SiteCode
from booster.sites.credentials import without_credentials
from booster.sites.recipe import Recipe

FOLDER = Path(__file__).parent
FORMAT = "booster-recipe"
MAX_BYTES = 64 * 1024


class RecipeFileError(PermanentError):
    """A file that holds no recipe."""


@dataclass(frozen=True, slots=True)
class RecipeFile:
    name: str
    notes: str  # what the site's operator must know or set
    recipe: Mapping[str, Any]  # the fields of a `Recipe`
    max_connections: int | None = None  # plays at once that the software bears, where known

    def write(self) -> str:
        data: dict[str, Any] = {"format": FORMAT, "name": self.name, "notes": self.notes}
        if self.max_connections:
            data["max_connections"] = self.max_connections
        text = json.dumps(data | {"recipe": self.recipe}, ensure_ascii=False, indent=2)
        return text + "\n"


def read(content: bytes) -> RecipeFile:
    """RecipeFileError: no such file; RecipeError: the recipe in it is wrong."""
    if len(content) > MAX_BYTES:
        raise RecipeFileError(SiteCode.RECIPE_FILE_TOO_LARGE, bytes=MAX_BYTES)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecipeFileError(SiteCode.RECIPE_FILE_NOT_JSON, error=str(error)[:200]) from None
    if not isinstance(data, dict) or not isinstance(data.get("recipe"), dict):
        raise RecipeFileError(SiteCode.RECIPE_FILE_WITHOUT_RECIPE)
    recipe, _secrets = without_credentials(Recipe.parse(data["recipe"]), {})
    return RecipeFile(
        str(data.get("name", ""))[:64],
        str(data.get("notes", ""))[:4000],
        recipe.as_data(),
        _connections(data.get("max_connections")),
    )


def _connections(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 1 <= value <= 1000 else None


def file_of(name: str, data: Mapping[str, Any], max_connections: int) -> RecipeFile:
    """A site's recipe as a file. RecipeError: it is wrong."""
    recipe, _secrets = without_credentials(Recipe.parse(data), {})
    return RecipeFile(name, "", recipe.as_data(), max_connections)


@cache
def all_shipped() -> Mapping[str, RecipeFile]:
    """By the names of their files."""
    return {path.stem: read(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))}


def shipped(name: str) -> RecipeFile:
    return all_shipped()[name]
