"""Stage ``patches``: the best patches of each label, and the controls."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import pyarrow.parquet as pq

from diffmine.builtin.stages.evidence import Evidence, evidence_table, with_significance
from diffmine.interfaces import PatchSelector, Stage, Work
from diffmine.processes.threads import in_threads
from diffmine.runs.records import Records, RecordsById
from diffmine.runs.tables import patches_table
from diffmine.runs.typicality_maps import TypicalityMaps
from diffmine.types import BoolArray, ByteArray, Candidate, ImageRecord, Patch

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


class Proposal(NamedTuple):
    """A candidate with all that decides its place; tuples compare in this order."""

    priority: float
    image_id: str
    candidate: Candidate


Table = Literal["selected", "heldout", "validation"]
"""A table of patches: of the mined images, of those that figures are told of, and of those to choose settings on."""
TABLES: tuple[Table, ...] = get_args(Table)
Proposed = tuple[str, PatchSelector, list[Candidate]]
"""What a selector proposes for an image under a label."""


class Shortlist:
    """The best ``capacity`` proposals of a label, whatever the order in which they come."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._proposals: list[Proposal] = []

    def add(self, proposals: Iterable[Proposal]) -> None:
        self._proposals.extend(proposals)
        if len(self._proposals) > 2 * self.capacity + 1024:
            self._proposals = self.best()

    def best(self) -> list[Proposal]:
        return heapq.nsmallest(self.capacity, self._proposals, key=lambda p: (p.priority, p.image_id, p.candidate.box))


class Patches(Stage):
    """The best patches of each label, and the controls."""

    name = "patches"
    version = 7
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("patches",)

    def reads(self, components: Components) -> tuple[str, ...]:
        return ("images", "typicality")

    def run(self, work: Work) -> None:
        """Write ``evidence.parquet`` and the tables of :data:`TABLES`; the last only where there are such images."""
        selector = work.components.patches
        selectors = (selector, *selector.controls())
        everything = Records.of(work.records())
        records, by_id = everything.where(everything.scored), RecordsById(everything)
        maps = TypicalityMaps(work.artifact("typicality"))
        shortlists: dict[tuple[Table, str, str], Shortlist] = defaultdict(lambda: Shortlist(selector.config.per_label))
        evidence: dict[tuple[str, str], Evidence] = defaultdict(Evidence)

        def propose(record: ImageRecord) -> tuple[list[Proposed], list[Proposed]]:
            pixels = cache(lambda: open_pixels(record))
            roles = maps.roles(record.image_id)
            own, null = ([label for label in roles if roles[label] == role] for role in ("own", "null"))
            return (
                list(candidates(record, own, selectors, maps, work.seed, pixels)),
                list(candidates(record, null, [selector], maps, work.seed, pixels)),
            )

        picture = work.opener()

        def open_pixels(record: ImageRecord) -> ByteArray:
            return picture(record).pixels

        work.progress.start(len(records), "images")
        tables = {table: in_table(table, records) for table in TABLES}
        for place, (record, (found, null)) in enumerate(zip(records, in_threads(propose, records), strict=True)):
            for table in (table for table in TABLES if tables[table][place]):
                for label, chosen_by, proposed in found:
                    proposals = (Proposal(one.priority, record.image_id, one) for one in proposed)
                    shortlists[table, label, chosen_by.name].add(proposals)
                    if chosen_by is selector and not record.in_sample:
                        evidence[table, label].observed.append([one.typicality for one in proposed])
                for label, _, proposed in null:
                    if not record.in_sample:
                        evidence[table, label].null.append([one.typicality for one in proposed])
            work.progress.advance()
        pq.write_table(evidence_table(evidence), work.public("evidence.parquet"))
        names = [one.name for one in selectors]
        for table in TABLES:
            if table != "validation" or records.in_split("validation").any():
                chosen = ranked(shortlists, table, names)
                learned = [bool(everything.in_sample[by_id.row(patch.image_id)]) for patch in chosen]
                unseen = [patch for patch, known in zip(chosen, learned, strict=True) if not known]
                judged = with_significance(unseen, table, selector.name, evidence)
                patches = [patch if known else next(judged) for patch, known in zip(chosen, learned, strict=True)]
                pq.write_table(patches_table(patches), work.public(f"{table}_patches.parquet"))


def in_table(table: Table, records: Records) -> BoolArray:
    """Which images have their patches in a table, bool, (records,)."""
    return {
        "selected": records.mined,
        "heldout": records.evaluated,
        "validation": records.in_split("validation"),
    }[table]


def candidates(
    record: ImageRecord,
    labels: Iterable[str],
    selectors: Iterable[PatchSelector],
    maps: TypicalityMaps,
    seed: int,
    pixels: Callable[[], ByteArray],
) -> Iterator[Proposed]:
    """What each selector proposes for an image under each of the labels."""
    for label in labels:
        typicality = maps.load(record.image_id, label)
        for selector in selectors:
            yield label, selector, selector.select(typicality, record, pixels, stride=maps.stride, seed=seed)


def ranked(shortlists: dict[tuple[Table, str, str], Shortlist], table: Table, names: list[str]) -> list[Patch]:
    """The patches of a table, by label, selection and rank."""
    keys = sorted((key for key in shortlists if key[0] == table), key=lambda key: (key[1], names.index(key[2])))
    return [
        Patch(proposal.image_id, key[1], one.box, one.typicality, one.stderr, key[2], rank)
        for key in keys
        for rank, proposal in enumerate(shortlists[key].best())
        for one in [proposal.candidate]
    ]
