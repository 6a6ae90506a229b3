"""
The form that Grafana wants dashboards in (its classic JSON model, which every version since 8 reads).
"""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Final

from tools.observability.tables import Dashboard, Kind, Panel, Query, Row, Unit

Json = Mapping[str, object]

_SCHEMA: Final = 39
_HEIGHT: Final = 8
_NUMBER_HEIGHT: Final = 4
_PROMETHEUS: Final[Json] = {"type": "prometheus", "uid": "prometheus"}
_JAEGER: Final[Json] = {"type": "jaeger", "uid": "jaeger"}
_TYPES: Final[Mapping[Kind, str]] = {
    "graph": "timeseries",
    "number": "stat",
    "states": "state-timeline",
    "heat": "heatmap",
    "table": "table",
    "traces": "table",
}
_UNITS: Final[Mapping[Unit, str]] = {
    "": "short",
    "s": "s",
    "B": "bytes",
    "per second": "reqps",
    "share": "percentunit",
    "each": "short",
}


def text_of(dashboard: Dashboard) -> str:
    """
    The file: a line for each panel, so that a change to one shows as a change to one.
    """
    head = _line(_page(dashboard)).removesuffix("}")
    panels = ",\n".join(_line(one) for one in _panels(dashboard))
    return f'{head},\n"panels": [\n{panels}\n]}}\n'


def _line(body: Json) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _page(dashboard: Dashboard) -> Json:
    return {
        "uid": f"storefront-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": ["storefront"],
        "schemaVersion": _SCHEMA,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [_others()],
        "templating": {"list": [_service()] if dashboard.is_by_service else []},
        "annotations": {"list": [_alarms()]},
    }


def _others() -> Json:
    return {
        "type": "dashboards",
        "title": "Storefront",
        "tags": ["storefront"],
        "asDropdown": True,
        "includeVars": False,
        "keepTime": True,
    }


def _service() -> Json:
    query = "label_values(service_info, job)"
    return {
        "name": "job",
        "label": "Service",
        "type": "query",
        "datasource": _PROMETHEUS,
        "query": {"query": query, "refId": "services"},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".+",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _alarms() -> Json:
    return {
        "name": "Alarms",
        "datasource": _PROMETHEUS,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{job}} {{instance}} {{upstream}} {{slo}}",
        "step": "60s",
    }


def _panels(dashboard: Dashboard) -> Iterator[Json]:
    ids = count(1)
    top = 0
    for row in dashboard.rows:
        yield _heading(row, next(ids), top)
        top += 1
        left = height = 0
        for panel in row.panels:
            if left + panel.width > 24:
                top, left, height = top + height, 0, 0
            own = _NUMBER_HEIGHT if panel.kind == "number" else _HEIGHT
            place = {"x": left, "y": top, "w": panel.width, "h": own}
            yield _panel(panel, next(ids), place)
            left, height = left + panel.width, max(height, own)
        top += height


def _heading(row: Row, number: int, top: int) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": {"x": 0, "y": top, "w": 24, "h": 1},
        "panels": [],
    }


def _panel(panel: Panel, number: int, place: Mapping[str, int]) -> Json:
    return {
        "id": number,
        "type": _TYPES[panel.kind],
        "title": panel.title,
        "description": panel.says,
        "gridPos": place,
        "datasource": _JAEGER if panel.kind == "traces" else _PROMETHEUS,
        "targets": [
            _target(panel, query, letter)
            for letter, query in zip("ABCDEFGH", panel.queries, strict=False)
        ],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel),
        **({"transformations": _columns()} if panel.kind == "table" else {}),
    }


def _target(panel: Panel, query: Query, letter: str) -> Json:
    if panel.kind == "traces":
        service, operation = query.expr.split(": ", 1)
        return {
            "refId": letter,
            "datasource": _JAEGER,
            "queryType": "search",
            "service": service,
            "operation": operation,
            "limit": 20,
        }
    is_now = panel.kind in {"number", "table"}
    form = {"heat": "heatmap", "table": "table"}.get(panel.kind, "time_series")
    return {
        "refId": letter,
        "datasource": _PROMETHEUS,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "format": form,
        "instant": is_now,
        "range": not is_now,
    }


def _field(panel: Panel) -> Json:
    field: dict[str, object] = {"unit": _UNITS[panel.unit]}
    if panel.kind == "graph":
        field["custom"] = {"fillOpacity": 8, "showPoints": "never", "spanNulls": 60_000}
        field["min"] = 0
    if panel.unit == "each":
        field["decimals"] = 0
    if panel.limits is not None:
        field["thresholds"] = _thresholds(*panel.limits)
        field["color"] = {"mode": "thresholds"}
    if panel.names:
        colours = ("green", "yellow", "red") if len(panel.names) > 2 else ("red", "green")
        options = {
            str(state): {"text": name, "color": colour, "index": state}
            for state, (name, colour) in enumerate(zip(panel.names, colours, strict=True))
        }
        field["mappings"] = [{"type": "value", "options": options}]
    return field


def _thresholds(warning: float, alarm: float) -> Json:
    if warning < alarm:
        steps = [("green", None), ("yellow", warning), ("red", alarm)]
    else:
        steps = [("red", None), ("yellow", alarm), ("green", warning)]
    return {
        "mode": "absolute",
        "steps": [{"color": colour, "value": value} for colour, value in steps],
    }


def _options(panel: Panel) -> Json:
    if panel.kind == "graph":
        return {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    if panel.kind == "number":
        return {
            "colorMode": "value",
            "graphMode": "none",
            "reduceOptions": {"calcs": ["lastNotNull"]},
        }
    if panel.kind == "states":
        return {"mergeValues": True, "showValue": "auto", "rowHeight": 0.8}
    if panel.kind == "heat":
        return {
            "calculate": False,
            "yAxis": {"unit": _UNITS[panel.unit]},
            "color": {"scheme": "Oranges", "mode": "scheme"},
            "cellGap": 1,
        }
    return {"showHeader": True}


def _columns() -> list[Json]:
    left_out = dict.fromkeys(("Time", "Value", "__name__", "alertstate"), True)
    return [{"id": "organize", "options": {"excludeByName": left_out}}]
