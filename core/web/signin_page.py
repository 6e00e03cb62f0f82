"""The sign-in and first-start pages: plain HTML with its own style, nothing from elsewhere, in both languages."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from string import Template
from urllib.parse import quote

from core.domain.text import T, Text
from core.i18n import LANGUAGES, translate

STYLE = """
:root { color-scheme: light dark; --accent: #0b6375; --accent-text: #fff; --back: #eef2f4; --card: #fff; --text: #17252b;
  --soft: #5b6e77; --line: #d5dee3; --bad: #a4281f; --bad-back: #fbeceb; }
@media (prefers-color-scheme: dark) { :root { --accent: #1a8196; --back: #0b1216; --card: #151f25; --text: #e4ecef;
  --soft: #93a6af; --line: #2f4049; --bad: #f5a49c; --bad-back: #38201e; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px; background: var(--back);
  color: var(--text); font: 15px/1.5 "Source Sans 3", "Source Sans Pro", "Segoe UI", system-ui, sans-serif; }
main { width: 100%; max-width: 400px; }
.brand { display: flex; align-items: center; gap: 12px; margin: 0 0 20px; font-size: 20px; font-weight: 650; }
.brand svg { width: 36px; height: 36px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 28px; }
h1 { font-size: 19px; margin: 0 0 4px; font-weight: 650; }
p { margin: 0 0 16px; color: var(--soft); }
label { display: block; font-weight: 600; margin: 14px 0 4px; }
input[type=text], input[type=password] { width: 100%; padding: 9px 11px; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--line); border-radius: 6px; }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
button, .button { display: block; width: 100%; margin-top: 20px; padding: 10px; font: inherit; font-weight: 600; text-align: center;
  border: 1px solid var(--accent); border-radius: 6px; background: var(--accent); color: var(--accent-text); cursor: pointer; }
.button { background: transparent; color: inherit; border-color: var(--line); text-decoration: none; margin-top: 12px; }
.problem { margin: 0 0 16px; padding: 10px 12px; border-radius: 6px; background: var(--bad-back); color: var(--bad); }
.hint { font-size: 13px; margin: 4px 0 0; color: var(--soft); }
footer { display: flex; gap: 14px; justify-content: center; margin-top: 18px; font-size: 13px; }
footer a { color: var(--soft); } footer a[aria-current] { color: var(--text); font-weight: 600; text-decoration: none; }
"""

ICON = """<svg viewBox="0 0 64 64" aria-hidden="true"><rect width="64" height="64" rx="14" fill="#0B6375"/>
<path d="M8 44h48M12 44C12 28 21 20 32 20s20 8 20 24" fill="none" stroke="#fff" stroke-width="5" stroke-linecap="round"/>
<path d="M24 44V23.5M32 44V20M40 44V23.5" stroke="#9FD6E0" stroke-width="3.5"/></svg>"""

PAGE = Template("""<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title · ContractBridge</title>
<link rel="icon" href="data:,">
<style>$style</style>
</head>
<body>
<main>
<div class="brand">$icon ContractBridge</div>
<div class="card">
<h1>$title</h1>
<p>$intro</p>
$problem
<form method="post" action="$action">
<input type="hidden" name="form_token" value="$form_token">
<input type="hidden" name="next" value="$next">
$inputs
<button type="submit">$submit</button>
</form>
$below
</div>
<footer>$languages</footer>
</main>
</body>
</html>
""")


MESSAGE = Template("""<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title · ContractBridge</title>
<link rel="icon" href="data:,">
<style>$style</style>
</head>
<body>
<main>
<div class="brand">$icon ContractBridge</div>
<div class="card">
<h1>$title</h1>
$said
$way
</div>
</main>
</body>
</html>
""")


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the form: `name` is what is posted, `hint` stands below it."""

    name: str
    label: Text
    kind: str = "text"
    autocomplete: str = "off"
    value: str = ""
    hint: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A page with one form. `problem` is what went wrong last time; `other_way` a second way in: (words, address).
    `sub_path` is what the product is served below ("" on a host of its own); addresses here go without it."""

    title: Text
    intro: Text
    action: str
    submit: Text
    inputs: tuple[Input, ...]
    problem: tuple[Text, ...] = ()
    other_way: tuple[Text, str] | None = None
    next: str = "/"
    form_token: str = ""
    values: dict[str, str] = field(default_factory=dict)
    sub_path: str = ""


def render(form: Form, language: str) -> str:
    """The whole page as HTML; everything that is not ours is escaped."""

    def say(text: Text) -> str:
        return escape(translate(text, language))

    def field_html(entry: Input) -> str:
        value = escape(form.values.get(entry.name, entry.value)) if entry.kind != "password" else ""
        focus = " autofocus" if entry is form.inputs[0] else ""
        hint = f'<div class="hint">{say(entry.hint)}</div>' if entry.hint else ""
        return (
            f'<label for="{entry.name}">{say(entry.label)}</label>'
            f'<input id="{entry.name}" name="{entry.name}" type="{entry.kind}" value="{value}"'
            f' autocomplete="{entry.autocomplete}" maxlength="200" required{focus}>{hint}'
        )

    below = (
        f'<a class="button" href="{escape(form.sub_path + form.other_way[1] + _onward(form, "?"))}">{say(form.other_way[0])}</a>'
        if form.other_way
        else ""
    )
    problem = " ".join(say(part) for part in form.problem)
    return PAGE.substitute(
        language=language,
        title=say(form.title),
        intro=say(form.intro),
        style=STYLE,
        icon=ICON,
        problem=f'<div class="problem" role="alert">{problem}</div>' if problem else "",
        action=escape(form.sub_path + form.action),
        form_token=escape(form.form_token),
        next=escape(form.next),
        inputs="\n".join(field_html(entry) for entry in form.inputs),
        submit=say(form.submit),
        below=below,
        languages=" ".join(_language_link(code, name, language, form) for code, name in LANGUAGES.items()),
    )


def message_page(title: Text, words: tuple[Text, ...], language: str, onward: str) -> str:
    """A page without a form: what is to be said, and a way on where there is one ("": none)."""
    said = "".join(f"<p>{escape(translate(text, language))}</p>" for text in words)
    way = f'<a class="button" href="{escape(onward)}">{escape(translate(T("Go on"), language))}</a>' if onward else ""
    return MESSAGE.substitute(
        language=language, title=escape(translate(title, language)), style=STYLE, icon=ICON, said=said, way=way
    )


def _language_link(code: str, name: str, current: str, form: Form) -> str:
    mark = ' aria-current="true"' if code == current else ""
    onward = escape(_onward(form, "&"))
    return f'<a href="{escape(form.sub_path + form.action)}?lang={code}{onward}" lang="{code}"{mark}>{escape(name)}</a>'


def _onward(form: Form, mark: str) -> str:
    """Where to go afterwards, for a link; nothing for the start page."""
    return f"{mark}next={quote(form.next)}" if form.next != f"{form.sub_path}/" else ""


def sign_in_form(*, openid: bool) -> Form:
    return Form(
        title=T("Sign in"),
        intro=T("Portal quantities, kept equal in Autotask contracts."),
        action="/auth/login",
        submit=T("Sign in"),
        inputs=(
            Input("name", T("User name"), autocomplete="username"),
            Input("password", T("Password"), "password", "current-password"),
        ),
        other_way=(T("Sign in with the company account"), "/auth/openid") if openid else None,
    )


def first_admin_form() -> Form:
    return Form(
        title=T("Welcome. Who looks after ContractBridge?"),
        intro=T("Nothing is set up yet. The first account is an administrator; more people can be added later."),
        action="/auth/setup",
        submit=T("Create the account and start"),
        inputs=(
            Input("name", T("User name"), autocomplete="username", value="admin"),
            Input("password", T("Password"), "password", "new-password", hint=T("At least 10 characters.")),
            Input("repeat", T("The password again"), "password", "new-password"),
        ),
    )


def sign_out_form() -> Form:
    return Form(
        title=T("Sign out?"),
        intro=T("The session in this browser ends."),
        action="/auth/logout",
        submit=T("Sign out"),
        inputs=(),
    )
