"""How a run looks in a notebook: a summary and the best crops of each label, in one piece of HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jinja2 import Environment
from PIL import Image

from diffmine.drawing.crops import crops
from diffmine.drawing.panels import sheet
from diffmine.runs.contents import Cluster, Contents

if TYPE_CHECKING:
    from diffmine.runs.run import Run

LABELS_SHOWN = 12
CLUSTERS_SHOWN = 8
SIDE = 56
GAP = 4
TEMPLATE = """\
<div>
<p><b>{{ run.info.name }}</b>: {{ run.records | length }} pictures, {{ run.labels | length }} labels,
{{ run.patches.num_rows }} patches, {{ run.clusters.num_rows }} clusters; <code>{{ run.path }}</code></p>
{% for text in run.answer.sentences %}<p>{{ text }}</p>{% endfor %}
{% if run.answer.next_steps %}<ul>{% for text in run.answer.next_steps %}<li>{{ text }}</li>{% endfor %}</ul>{% endif %}
{% for text in run.info.warnings %}<p>⚠ {{ text }}</p>{% endfor %}
<table>
{% for label, picture, flags, words in rows %}<tr><th style="text-align: left"><bdi>{{ label }}</bdi></th>
<td><img alt="" src="data:image/png;base64,{{ picture }}">
{% for text in flags %}<br>⚠ {{ text }}{% endfor %}
{% for text in words %}<br><i>{{ text }}</i>{% endfor %}</td></tr>{% endfor %}
</table>
{% if more > 0 %}<p>and {{ more }} more labels: <code>run.show(label)</code></p>{% endif %}
</div>
"""


def summary(run: Run) -> str:
    """HTML with the run's numbers, its answer and warnings, and each label's best clusters."""
    contents = run.contents
    best = {label: contents.best_clusters(label)[:CLUSTERS_SHOWN] for label in contents.labels[:LABELS_SHOWN]}
    rows = [(label, _strip(contents, clusters), _flags(clusters), _words(clusters)) for label, clusters in best.items()]
    template = Environment(autoescape=True).from_string(TEMPLATE)
    return template.render(run=run, rows=rows, more=len(contents.labels) - len(rows))


def _flags(clusters: Sequence[Cluster]) -> list[str]:
    return [f"cluster {one.cluster}: {', '.join(one.marks)}" for one in clusters if one.marks]


def _words(clusters: Sequence[Cluster]) -> list[str]:
    named = [f"cluster {one.cluster}: {one.name}" for one in clusters if one.name]
    return [*named, *(f"cluster {one.cluster}: maybe {words}" for one in clusters for words in one.suggestions)]


def _strip(contents: Contents, clusters: Sequence[Cluster]) -> str:
    best = [int(one.rows[0]) for one in clusters]
    buffer = io.BytesIO()
    Image.fromarray(sheet([crops(contents, best, SIDE)], CLUSTERS_SHOWN, GAP)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
