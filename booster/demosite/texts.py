"""The words on the pages."""

from __future__ import annotations

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "code": "en",
        "other": "中文",
        "site": "Lantern Video",
        "shelf": "All videos",
        "lead": "Short films from quiet places.",
        "views": "views",
        "play": "Play",
        "orders": "Recent play orders",
        "no orders": "None yet. Plays that name their order are listed here.",
        "order": "Order",
        "plays": "Plays",
        "not found": "There is no such page",
        "footer": "A demonstration site. Its counters are real, its films are drawn.",
    },
    "zh": {
        "code": "zh-Hans",
        "other": "English",
        "site": "灯笼视频",
        "shelf": "全部视频",
        "lead": "来自安静之地的短片。",
        "views": "次播放",
        "play": "播放",
        "orders": "最近的播放订单",
        "no orders": "暂无。注明订单号的播放会显示在这里。",
        "order": "订单",
        "plays": "播放次数",
        "not found": "没有这个页面",
        "footer": "这是演示网站。计数是真实的。影片是绘制的。",
    },
}
