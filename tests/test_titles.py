"""The titles of a file's columns, as people dress them."""

import pytest

from core.importing.columns import KNOWN, plain


@pytest.mark.parametrize(
    ("title", "name"),
    [
        *(("充值\n金额", "amount"), ("充值\r\n金额（元）", "amount"), ("客户\n名称", "username")),
        *(("用户 名", "username"), ("支付\n方式 *", "method"), ("手机\n号码：", "mobile")),
        *(("User\nname", "username"), ("Opening\r\nbalance", "balance")),
        *(("Amount (US$)", "amount"), ("Amount (US $)", "amount"), ("Amount [HK$]", "amount")),
        *(("Amount (CN¥)", "amount"), ("Amount（￥）", "amount"), ("金额（¥）", "amount")),
        *(("Amount (EUR)", "amount"), ("Amount (€)", "amount"), ("Amount (in EUR)", "amount")),
        *(("Amount (RMB/元)", "amount"), ("金额(人民币元)", "amount"), ("金额【元】", "amount")),
        *(("金额（单位：元）", "amount"), ("Amount in US$", "amount"), ("Amount, EUR", "amount")),
        *(
            ("Amount (CHF)", "amount"),
            ("Amount (Kč)", "amount"),
            ("Amount (required) (€)", "amount"),
        ),
        *(("Amount (€)*:", "amount"), ("＊Amount：", "amount"), ("* 金额（元）：", "amount")),
        *(("金额［元］", "amount"), ("余额〔元〕", "balance"), ("※用户名", "username")),
        *(("1、用户名", "username"), ("Balance * (required)", "balance")),
        # What makes another number of it is no currency.
        *(("金额（万元）", None), ("Amount (k€)", None), ("Amount ('000 US$)", None)),
        *(("Amount (cents)", None), ("Amount (US$ million)", None), ("金额（千元）", None)),
        *(("Amount (net)", None), ("Amount due", None), ("金额 名称", None)),
    ],
)
def test_a_title_is_known_however_it_is_dressed_unless_it_may_say_something_else(title, name):
    assert KNOWN.get(plain(title)) == name
