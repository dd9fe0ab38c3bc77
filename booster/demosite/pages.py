"""What people see: the shelf of videos, one video with its counter, and the icon.

Self-contained: style and script stand in the page and are allowed by their hash alone, pictures
are drawn in it. English and Chinese.
"""

import base64
import hashlib
import re
from html import escape

from .catalogue import Catalogue, Video
from .messages import HTML, Answer, Request
from .posters import poster

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

FAVICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" '
    b'rx="8" fill="#c8452f"/><path d="M12 9l12 7-12 7z" fill="#fff"/></svg>'
)

STYLE = """
:root { --ink: #1f2430; --soft: #606878; --line: #e3e1dc; --paper: #faf9f6; --card: #fff;
  --accent: #b93d28; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceae4; --soft: #a3a8b4; --line: #343842;
  --paper: #16181d; --card: #1f2229; --accent: #f0806a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Noto Sans", "PingFang SC", "Noto Sans CJK SC", sans-serif; }
a { color: inherit; text-decoration: none; }
a:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
header, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { display: flex; align-items: center; gap: 12px; padding-top: 18px; padding-bottom: 18px; }
header svg { width: 30px; height: 30px; display: block; }
.brand { display: flex; align-items: center; gap: 10px; font-weight: 650; font-size: 1.1rem; }
.language { margin-left: auto; color: var(--soft); font-size: .9rem; padding: 8px 0; }
.language:hover, .crumb:hover { color: var(--accent); }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; text-wrap: balance; }
.lead { color: var(--soft); margin: 4px 0 22px; }
.shelf { display: grid; gap: 26px 22px; list-style: none;
  grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); margin: 0; padding: 0; }
.poster { display: block; width: 100%; aspect-ratio: 16 / 9; border-radius: 12px; }
.shelf a { display: block; }
.shelf a:hover strong { color: var(--accent); }
.shelf strong { display: block; margin-top: 10px; font-weight: 600; line-height: 1.3; }
.soft { color: var(--soft); font-size: .9rem; }
.count { font-variant-numeric: tabular-nums; }
.crumb { display: inline-block; color: var(--soft); font-size: .9rem; padding: 4px 0 12px; }
.watch { display: grid; gap: 30px; align-items: start;
  grid-template-columns: minmax(0, 1fr) 320px; }
.player { position: relative; overflow: hidden; border-radius: 14px; background: #000; }
.player .poster { border-radius: 0; }
.play { position: absolute; inset: 0; margin: auto; width: 76px; height: 76px; border: 0;
  border-radius: 50%; background: rgb(20 20 24 / .72); cursor: pointer;
  transition: transform .15s; }
.play:hover { transform: scale(1.07); }
.play svg { width: 30px; height: 30px; display: block; margin: 0 auto; transform: translateX(3px); }
.bar { position: absolute; left: 0; bottom: 0; height: 5px; width: 100%; background: #f0806a;
  transform: scaleX(0); transform-origin: left; }
.playing .play { visibility: hidden; }
.playing .bar { animation: bar 10s linear; }
.playing .sky { animation: sky 10s ease-in-out; }
.playing .far { animation: far 10s ease-in-out; }
.playing .near { animation: near 10s ease-in-out; }
@keyframes bar { to { transform: scaleX(1); } }
@keyframes sky { 50% { transform: translateY(-14px); } }
@keyframes far { 50% { transform: translateX(-12px); } }
@keyframes near { 50% { transform: translateX(26px); } }
@media (prefers-reduced-motion: reduce) {
  .playing .sky, .playing .far, .playing .near { animation: none; } }
.about { display: flex; flex-wrap: wrap; align-items: baseline; gap: 6px 24px; margin-top: 18px; }
.about h1 { flex: 1 1 300px; }
.views { font-size: 1.5rem; font-weight: 650; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 18px; }
.panel h2 { font-size: 1rem; margin: 0 0 2px; }
.panel table { width: 100%; border-collapse: collapse; margin-top: 12px; font-size: .9rem; }
.panel th { text-align: left; color: var(--soft); font-weight: 500; padding: 0 0 6px; }
.panel td { border-top: 1px solid var(--line); padding: 8px 0; overflow-wrap: anywhere; }
.panel th + th, .panel td + td { text-align: right; white-space: nowrap; padding-left: 12px; }
[hidden] { display: none !important; }
footer { color: var(--soft); font-size: .85rem; padding-top: 40px; padding-bottom: 30px; }
@media (max-width: 900px) { .watch { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 560px) { header, main, footer { padding-left: 16px; padding-right: 16px; }
  .shelf { gap: 22px; } h1 { font-size: 1.3rem; } }
"""

SCRIPT = """
const root = document.documentElement;
const format = new Intl.NumberFormat(root.lang);
const get = async (path) => (await fetch(path, { cache: "no-store" })).json();
const show = (node, views) => {
  node.dataset.views = views;
  node.textContent = format.format(views);
};
const every = (milliseconds, work) => {
  const again = async () => {
    try { if (!document.hidden) await work(); } catch { /* the site is away: ask again later */ }
    setTimeout(again, milliseconds);
  };
  setTimeout(again, milliseconds);
};
const watch = document.querySelector("[data-video]");
const refreshShelf = async () => {
  for (const video of (await get("/api/videos")).videos) {
    const node = document.querySelector(`[data-views-of="${video.id}"]`);
    if (node) show(node, video.views);
  }
};
const refreshVideo = async () => {
  const address = `/api/videos/${watch.dataset.video}`;
  const [video, recent] = await Promise.all([get(address), get(`${address}/orders`)]);
  show(document.getElementById("views"), video.views);
  const rows = recent.orders.map(({ order, plays }) => {
    const row = document.createElement("tr");
    row.insertCell().textContent = order;
    row.insertCell().textContent = format.format(plays);
    row.lastChild.className = "count";
    return row;
  });
  document.getElementById("orders").tBodies[0].replaceChildren(...rows);
  document.getElementById("orders").hidden = rows.length === 0;
  document.getElementById("no-orders").hidden = rows.length > 0;
};
if (watch) {
  const player = document.querySelector(".player");
  const button = player.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", async () => {
    player.classList.add("playing");
    const address = `/api/videos/${watch.dataset.video}/plays`;
    const played = await (await fetch(address, { method: "POST" })).json();
    show(document.getElementById("views"), played.views);
  });
  player.querySelector(".bar").addEventListener("animationend", () => {
    player.classList.remove("playing");
    button.focus();
  });
  every(1000, refreshVideo);
} else if (document.querySelector("[data-views-of]")) {
  every(2000, refreshShelf);
}
"""


def _source(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


HEADERS = (
    f"Content-Security-Policy: default-src 'none'; style-src {_source(STYLE)}; "
    f"script-src {_source(SCRIPT)}; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: same-origin\r\n"
    "Cache-Control: no-store\r\n"
    "Vary: Accept-Language\r\n"
).encode()


def home(request: Request, catalogue: Catalogue) -> Answer:
    language = _language(request)
    text = TEXTS[language]
    cards = "".join(_card(video, language) for video in catalogue.videos)
    content = (
        f'<h1>{text["shelf"]}</h1><p class="lead">{text["lead"]}</p><ul class="shelf">{cards}</ul>'
    )
    return _page(language, text["site"], content)


def video(request: Request, shown: Video, orders: list[tuple[str, int]]) -> Answer:
    """`orders`: the recent play orders of this video, newest first, with their counted plays."""
    language = _language(request)
    text = TEXTS[language]
    title = escape(_title(shown, language))
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="count">{plays:,}</td></tr>'
        for name, plays in orders
    )
    content = (
        f'<a class="crumb" href="/?lang={language}">← {text["shelf"]}</a>'
        f'<div class="watch" data-video="{shown.id}"><section>'
        f'<div class="player">{poster(shown.id, shown.scene, title)}'
        f'<button class="play" type="button" aria-label="{text["play"]}" hidden>'
        '<svg viewBox="0 0 24 24"><path d="M6 3l15 9-15 9z" fill="#fff"/></svg></button>'
        '<div class="bar"></div></div>'
        f'<div class="about"><h1>{title}</h1><div><span class="views count" id="views" '
        f'data-views="{shown.views}">{shown.views:,}</span> '
        f'<span class="soft">{text["views"]}</span></div></div></section>'
        f'<aside class="panel"><h2>{text["orders"]}</h2>'
        f'<p class="soft" id="no-orders"{_hidden(bool(orders))}>{text["no orders"]}</p>'
        f'<table id="orders"{_hidden(not orders)}><thead><tr><th>{text["order"]}</th>'
        f"<th>{text['plays']}</th></tr></thead><tbody>{rows}</tbody></table></aside></div>"
    )
    return _page(language, f"{title} · {text['site']}", content)


def not_found(request: Request) -> Answer:
    language = _language(request)
    text = TEXTS[language]
    content = (
        f'<h1>{text["not found"]}</h1><p class="lead"><a href="/?lang={language}">'
        f"← {text['shelf']}</a></p>"
    )
    return _page(language, text["not found"], content, status=404)


def favicon(request: Request) -> Answer:
    return Answer(FAVICON, b"image/svg+xml", headers=b"Cache-Control: max-age=86400\r\n")


def _page(language: str, title: str, content: str, status: int = 200) -> Answer:
    text = TEXTS[language]
    other = "zh" if language == "en" else "en"
    body = f"""<!doctype html>
<html lang="{text["code"]}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/favicon.ico" type="image/svg+xml"><style>{STYLE}</style></head>
<body><header><a class="brand" href="/?lang={language}">{FAVICON.decode()}{text["site"]}</a>
<a class="language" href="?lang={other}" lang="{TEXTS[other]["code"]}">{text["other"]}</a></header>
<main>{content}</main><footer>{text["footer"]}</footer>
<script>{SCRIPT}</script></body></html>
"""
    return Answer(body.encode(), HTML, status, HEADERS)


def _card(shown: Video, language: str) -> str:
    title = escape(_title(shown, language))
    return (
        f'<li><a href="/videos/{shown.id}?lang={language}">{poster(shown.id, shown.scene, title)}'
        f'<strong>{title}</strong><span class="soft"><span class="count" '
        f'data-views-of="{shown.id}" data-views="{shown.views}">{shown.views:,}</span> '
        f"{TEXTS[language]['views']}</span></a></li>"
    )


def _title(shown: Video, language: str) -> str:
    return shown.title_zh if language == "zh" else shown.title


def _hidden(hide: bool) -> str:
    return " hidden" if hide else ""


def _language(request: Request) -> str:
    """`?lang=` when it names one of ours, else the first of ours that the browser names."""
    asked = [request.query("lang")]
    for part in request.header(b"accept-language").lower().split(","):
        asked.append(re.split("[-;]", part.strip())[0])
    return next((language for language in asked if language in TEXTS), "en")
