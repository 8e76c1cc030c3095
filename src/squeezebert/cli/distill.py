"""``squeezebert distill``: a small student learns from a teacher and unlabelled text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from squeezebert.cli.console import write_json, write_table
from squeezebert.cli.options import json_option
from squeezebert.cli.training import settings_from, training_options
from squeezebert.train.settings import DISTILLING, NO_QAT, QAT


@click.command()
@click.option("--teacher", required=True, help="The model that is imitated: a folder or a hub id.")
@click.option("--student", required=True, help="A preset such as mini, a JSON file, or the folder of a model.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Text files or folders; give the option as often as needed.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder of the student.")
@click.option("--hidden", type=float, default=1.0, show_default=True, help="Weight of hidden states.")
@click.option("--relation", type=float, default=0.0, show_default=True, help="Weight of attention relations.")
@click.option("--embedding", type=float, default=10.0, show_default=True, help="Weight of the texts' vectors.")
@click.option("--similarity", type=float, default=0.0, show_default=True, help="Weight of similarities between texts.")
@click.option("--longest", type=int, default=126, show_default=True, help="The longest text to learn from, in tokens.")
@click.option("--held-out", type=int, default=2000, show_default=True, help="Texts set aside to measure with.")
@click.option("--passages", is_flag=True, help="Learn from runs of sentences up to --longest, not from single ones.")
@click.option("--train-embeddings", is_flag=True, help="Let the embedding tables change; else they stay the teacher's.")
@click.option(
    "--qat",
    type=click.Choice(QAT),
    default=NO_QAT,
    show_default=True,
    help="Train for weights of this precision, as the engine rounds them; the result stays float32.",
)
@click.option("--qat-exact", is_flag=True, help="Take what --qat rounds from the engine, bit by bit; steps are slower.")
@training_options(DISTILLING)
@json_option
def command(teacher: str, student: str, texts: tuple[Path, ...], out: Path, as_json: bool, **values: Any) -> None:
    """Teach a STUDENT to embed text as the TEACHER does, from text alone, and write it to OUT.

    STUDENT is a preset, a JSON file with an encoder's fields, or a folder. A new student as wide as its teacher starts
    from the teacher's own weights. A folder is a student that is there already, such as one that was factorized: it
    goes on from its own weights and keeps its form. The run can be stopped at any time: the same command goes on where
    it was. Its state is in OUT.training.
    """
    settings = settings_from(values)
    from squeezebert.convert import load_model_folder
    from squeezebert.train.distill import DistillSettings, distill
    from squeezebert.train.distilling import Weights
    from squeezebert.train.hardware import processes
    from squeezebert.train.output import Output

    names = ("hidden", "relation", "embedding", "similarity")
    weights = Weights(**{name: values.pop(name) for name in names})
    frozen = not values.pop("train_embeddings")
    chosen = DistillSettings(settings, weights, frozen=frozen, **values)
    output = Output(out, progress=False if as_json else None, tell=lambda note: click.echo(note, err=True))
    artifact = distill(load_model_folder(teacher), _student(student), texts, chosen, output)
    if not processes().is_main_process:
        return
    if as_json:
        write_json({"out": str(out), **artifact.metrics})
    else:
        write_table([("wrote", str(out)), *((name, f"{value:.4f}") for name, value in artifact.metrics.items())])


def _student(student: str) -> Any:
    import json

    from squeezebert.artifact import Artifact
    from squeezebert.config import PRESETS, EncoderConfig
    from squeezebert.errors import InputError

    if student in PRESETS:
        return PRESETS[student]
    path = Path(student)
    if path.is_dir():
        return Artifact.load(path)
    if not path.is_file():
        raise InputError(
            f"student {student!r} is neither a preset ({', '.join(PRESETS)}) nor a JSON file nor a folder; name one"
        )
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}; write the encoder's fields as one JSON object") from error
    return EncoderConfig.from_dict(fields)
