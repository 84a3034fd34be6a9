"""Controls with a name, a hint and a stable selector each; and how they look in any theme."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import ipywidgets

STYLE: Final = """<style>
.bf-panel{color:var(--jp-ui-font-color1,#111);font-size:var(--jp-ui-font-size1,13px);
 overflow:visible}
.bf-panel .widget-html,.bf-panel .widget-html-content{overflow:visible;height:auto;
 line-height:1.45;min-width:0}
.bf-panel .widget-html-content{flex:1 1 0}
.bf-panel h3{margin:.2em 0;font-size:1.15em}
.bf-panel h4{margin:.8em 0 .2em;font-size:1em}
.bf-panel p{margin:.3em 0;max-width:60em}
.bf-panel code,.bf-panel pre{font-family:var(--jp-code-font-family,monospace);font-size:.95em;
 overflow-wrap:anywhere;background:none;color:inherit}
.bf-panel pre{white-space:pre-wrap;margin:.3em 0;padding:.5em;max-height:24em;overflow:auto;
 background:var(--jp-layout-color2,#eee)}
.bf-panel a{color:var(--jp-content-link-color,#06c)}
.bf-panel .bf-muted{color:var(--jp-ui-font-color2,#555)}
.bf-panel .bf-scroll{overflow-x:auto;max-height:28em;overflow-y:auto}
.bf-panel table{border-collapse:collapse;font-size:.95em;margin:.3em 0}
.bf-panel th,.bf-panel td{text-align:left;padding:.15em .8em .15em 0;vertical-align:top;
 border-bottom:1px solid var(--jp-border-color2,#ccc)}
.bf-panel th{color:var(--jp-ui-font-color2,#555);font-weight:600}
.bf-panel details{border-bottom:1px solid var(--jp-border-color2,#ccc);padding:.25em 0}
.bf-panel summary{cursor:pointer}
.bf-panel details>div{padding:.3em 0 .5em 1.2em}
.bf-panel .bf-note{border-left:4px solid var(--jp-border-color1,#999);padding:.35em .7em;
 margin:.4em 0;background:var(--jp-layout-color2,#eee);overflow-wrap:anywhere}
.bf-panel .bf-failed{border-left-color:var(--jp-error-color1,#c00)}
.bf-panel .bf-done{border-left-color:var(--jp-success-color1,#080)}
.bf-panel progress{width:16em;max-width:100%;vertical-align:middle;
 accent-color:var(--jp-brand-color1,#06c)}
.bf-panel .bf-cells{display:flex;flex-flow:row wrap;gap:.1em 1em;align-items:baseline}
.bf-panel .bf-cells>span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;
 flex:0 0 6em}
.bf-panel .bf-cells>span:nth-child(2){flex-basis:6.5em}
.bf-panel .bf-cells>span:nth-child(n+4){flex:1 1 9em;min-width:0}
.bf-panel .bf-session .widget-checkbox{flex:0 0 14em;width:14em}
.bf-panel .bf-session{border-bottom:1px solid var(--jp-border-color2,#ccc);flex-wrap:wrap}
.bf-panel .bf-session .widget-html{flex:1 1 22em}
.bf-panel .bf-sheet{overflow-x:auto}
.bf-panel .bf-picture{max-width:100%;height:auto}
body[data-jp-theme-light="false"] .bf-panel .bf-light{display:none}
body:not([data-jp-theme-light="false"]) .bf-panel .bf-dark{display:none}
.bf-panel :focus-visible{outline:2px solid var(--jp-brand-color1,#06c);outline-offset:1px}
.bf-panel .jupyter-button[disabled]{opacity:.5}
</style>"""


def button(text: str, hint: str, name: str, *, look: str = "", off: bool = False) -> Any:
    """Return a button; `look` is one of the button styles of ipywidgets."""
    made = ipywidgets.Button(
        description=text,
        tooltip=hint,
        button_style=look,
        disabled=off,
        layout=ipywidgets.Layout(width="auto"),
    )
    return named(made, name)


def html(name: str, value: str = "") -> Any:
    """Return a place for markup; what goes in must come from `markup`."""
    made = ipywidgets.HTML(value)
    made.layout.width = "auto"
    return named(made, name)


def check(text: str, name: str, *, value: bool = False) -> Any:
    """Return a check box."""
    made = ipywidgets.Checkbox(value, description=text, indent=False)
    made.layout.width = "auto"
    return named(made, name)


def field(text: str, hint: str, name: str, *, live: bool = True) -> Any:
    """Return a line to type in; `live` tells of every letter, else of the finished line."""
    made = ipywidgets.Text(description=text, placeholder=hint, continuous_update=live, tooltip=hint)
    return wide(named(made, name))


def choice(text: str, options: Sequence[tuple[str, Any]], hint: str, name: str) -> Any:
    """Return a drop-down list of (label, value)."""
    return wide(named(ipywidgets.Dropdown(options=options, description=text, tooltip=hint), name))


def wide(made: Any) -> Any:
    """Give a control the room that its description needs, and what is left up to a limit."""
    made.style.description_width = "initial"
    made.layout.width = "auto"
    made.layout.max_width = "42em"
    return made


def named(made: Any, name: str) -> Any:
    """Give a control its stable selector."""
    made.add_class(f"bf-{name}")
    return made


def show(made: Any, shown: bool) -> None:
    """Show a control, or take it off the screen and out of the keyboard's way."""
    made.layout.display = None if shown else "none"


def row(*children: Any) -> Any:
    """Return controls side by side, below one another where there is no room."""
    made = ipywidgets.HBox(children)
    made.layout.flex_flow = "row wrap"
    made.layout.align_items = "center"
    made.layout.grid_gap = "0 .6em"
    return made


def column(*children: Any) -> Any:
    """Return controls below one another."""
    return ipywidgets.VBox(children)


def on_value(made: Any, do: Callable[[Any], None]) -> None:
    """Call something when a control has another value."""
    made.observe(do, "value")
