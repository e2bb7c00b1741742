"""Options of the dataset ``table``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from diffmine.builtin.datasets.table_boxes import BoxesConfig
from diffmine.builtin.datasets.table_paths import Template
from diffmine.files.patterns import Pattern
from diffmine.interfaces import DatasetConfig, RecipePath


def _texts(value: object) -> object:
    """One value or several, numbers or text, as texts."""
    return tuple(str(member) for member in (value if isinstance(value, (list, tuple)) else [value]))


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts), Field(min_length=1)]


class TableConfig(DatasetConfig):
    """Options of ``table``."""

    path: RecipePath = Field(description="folder that holds the index and, somewhere below, the pictures")
    index: str = Field(description="the table: .csv, .tsv, .txt, .parquet, .json or .jsonl")
    image: str = Field(
        description="column with the picture's path, or a template such as images/{id}/{angle}.jpg; a placeholder "
        "that is no column takes every one of its values, or else fits the files there are"
    )
    label: str = Field(description="column with the label")
    columns: tuple[str, ...] | None = Field(
        None, min_length=1, description="names of the columns, where the file does not name them"
    )
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="between the cells of a text file; omitted: by its suffix"
    )
    entries: str | None = Field(
        None, min_length=1, description="key of a .json file under which its rows lie; omitted: it holds nothing else"
    )
    separator: str | None = Field(None, min_length=1, description="between several labels in one cell, such as |")
    label_names: str | None = Field(
        None,
        description="file with the name of each label id: lines such as '/a/airfield 0', or a JSON mapping; "
        "of a JSON mapping with a list 'classes', the names in its order, from 0",
    )
    label_pattern: str | None = Field(
        None, description="regular expression; its first group, or what it matches, is the label; others are dropped"
    )
    bin: float | None = Field(None, gt=0, description="labels are numbers; width of their bins, 10 for decades")
    values: dict[str, Texts] = Field({}, description="placeholder of image that is no column -> its values")
    filters: dict[str, Texts] = Field({}, description="column -> the values that a row must have one of")
    exclude: str | None = Field(
        None,
        description="JSON, text or CSV file of pictures to leave out: paths, values of the placeholders, or objects",
    )
    only: str | None = Field(None, description="file of the only pictures to take, such as a published split; likewise")
    keep_columns: tuple[str, ...] | None = Field(
        None, description="further columns to keep, for prompts that name them; omitted: all"
    )
    masks: str | None = Field(
        None, description="template of mask files for evaluation, such as masks/{label}/{id}.png; black: no element"
    )
    boxes: BoxesConfig | None = Field(None, description="table of boxes around elements, for evaluation")

    @field_validator("label_pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            Pattern(pattern, "[dataset] label_pattern")
        return pattern

    @field_validator("values")
    @classmethod
    def _have_a_place(cls, values: dict[str, tuple[str, ...]], info: ValidationInfo) -> dict[str, tuple[str, ...]]:
        image = info.data.get("image", "")
        stray = next((name for name in values if name not in Template(image).names), None)
        if stray is not None:
            raise ValueError(f"image = {image!r} has no placeholder {{{stray}}}")
        return values
