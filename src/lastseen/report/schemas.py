"""The JSON Schema of each object a command prints."""

from typing import Any, Final

import msgspec

from lastseen.errors import LastseenError
from lastseen.report import contracts as out
from lastseen.report.campaign import CampaignJson

__all__ = ["schema"]

SCHEMAS: Final[dict[str, type[msgspec.Struct]]] = {
    "lastseen.diagnosis/1": out.DiagnosisJson,
    "lastseen.losses/1": out.LossesJson,
    "lastseen.connections/1": out.ConnectionsJson,
    "lastseen.timeline/1": out.TimelineJson,
    "lastseen.evidence/1": out.CaseEvidenceJson,
    "lastseen.campaign/1": CampaignJson,
}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of "diagnosis", "losses" and the like ("lastseen.diagnosis/1" is understood too)."""
    known = {full.removeprefix("lastseen.").partition("/")[0]: full for full in SCHEMAS}
    full = known.get("diagnosis" if name == "diagnose" else name, name)
    if full not in SCHEMAS:
        raise LastseenError(f"no schema {name!r}; there are: {', '.join(known)}")
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": full}
    return dialect | msgspec.json.schema(SCHEMAS[full])
