"""How a payment came, as people write it in a file."""

import unicodedata
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.importing.cells import UNSAID, Parsed, read_each, shorn
from core.models.billing import PaymentMethod

NAMES: dict[PaymentMethod, tuple[str, ...]] = {
    PaymentMethod.CASH: ("cash", "现金"),
    PaymentMethod.TRANSFER: (
        *("bank transfer", "transfer", "wire", "bank", "银行转账", "转账", "汇款"),
    ),
    PaymentMethod.CARD: ("card", "credit card", "debit card", "银行卡", "信用卡", "刷卡"),
    PaymentMethod.ALIPAY: ("alipay", "支付宝"),
    PaymentMethod.WECHAT: ("wechat pay", "wechat", "weixin", "微信支付", "微信"),
    PaymentMethod.OTHER: ("other", "其他", "其它"),
}
BY_NAME = {name: method.value for method, names in NAMES.items() for name in names}


def methods(cells: Sequence[str]) -> Parsed:
    """By any of its names; None for an empty cell."""

    def read(cell: str) -> int | None:
        word = unicodedata.normalize("NFKC", shorn(cell)).strip().lower()
        if not word or word in UNSAID:
            return None
        if word not in BY_NAME:
            known = ", ".join(str(method.label) for method in PaymentMethod)
            raise ValidationError(_("Must be one of: %(known)s.") % {"known": known})
        return PaymentMethod(BY_NAME[word])

    return read_each(cells, read, broken=None)
