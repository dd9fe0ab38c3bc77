"""The field for a number of plays."""

from typing import Any

from core.pages.amounts import WholeNumberInput
from core.pages.quotes import bundles_on_sale


class PlaysWidget(WholeNumberInput):
    """Any number, or one of the bundles on sale by a click."""

    template_name = "desk/plays_widget.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["bundles"] = bundles_on_sale()
        return context
