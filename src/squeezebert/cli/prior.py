"""``squeezebert prior``: a class becomes as likely as it will be in use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from squeezebert.cli.console import write_json
from squeezebert.cli.options import json_option, model_argument


@click.command()
@model_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--label", required=True, help="The class, such as oos.")
@click.option("--trained", type=float, required=True, help="Its share of the training examples.")
@click.option("--expected", type=float, default=0.5, show_default=True, help="Its share in use.")
@json_option
def command(model: str, out: Path, as_json: bool, **shares: Any) -> None:
    """Write MODEL to OUT with one class as likely as it will be in use.

    A classifier that saw few examples of a class, such as texts out of scope, is slow to say it. Bayes' rule says how
    much to raise its logit; the other classes keep their odds among themselves.
    """
    from squeezebert.compress.prior import Prior, with_prior
    from squeezebert.convert import load_model_folder

    prior = Prior(**shares)
    with_prior(load_model_folder(model), prior).save(out)
    if as_json:
        write_json({"out": str(out), "label": prior.label, "shift": prior.shift})
    else:
        click.echo(f"wrote {out}: the logit of {prior.label} is {prior.shift:+.2f}")
