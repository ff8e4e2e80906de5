"""What is assumed that is not usual: asked for in YAML or from Python, and kept with what was computed from it.

Four parts can be changed: `prior` of the tumour, `kinetics` and `outcomes` (models by name, with other parameters, or
of one's own) and planning `templates`. A mapping of them, as YAML or a run's record has it, is read by `assumed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

from models.code import code_digest
from scenarios.plans.plan import sentence
from simulators.belief.prior import CLINICAL, PriorSet
from simulators.calibration.posterior import Posterior
from simulators.core.change import changed, differences, plain
from simulators.core.kinetics import TumourModel
from simulators.core.outcome import OutcomeModel
from simulators.names.kinetics import KINETICS, kinetics_named
from simulators.names.outcomes import OUTCOMES, OUTCOMES_BY_DEFAULT, outcome_model_named
from simulators.outcome.life import TRIAL
from simulators.planner.template import Template, technique
from twin import InputError

Assumed = dict[str, Any]
Templates = Mapping[str, Template]
_USUAL = {"kinetics": "standard", "outcomes": OUTCOMES_BY_DEFAULT}
_KEYS = ("prior", "kinetics", "outcomes", "templates")


def told(
    prior: PriorSet | None, kinetics: TumourModel, outcomes: OutcomeModel, templates: Templates | None = None
) -> Assumed:
    """What is not usual, as JSON has it: nothing where all is; `assumed` reads it again, but for models of others.

    Args:
        prior: of the tumour; the usual one where None.
        kinetics: tumour model.
        outcomes: outcome model.
        templates: planning templates by technique.
    """
    found: Assumed = {} if prior is None else {"prior": prior.changes()}
    for part, model, registry in (("kinetics", kinetics, KINETICS), ("outcomes", outcomes, OUTCOMES)):
        found[part] = _of_model(model, registry)
    found["templates"] = {name: _of_template(name, one) for name, one in (templates or {}).items()}
    return {part: plain(said) for part, said in found.items() if said}


def in_words(assumptions: Mapping[str, Any]) -> list[str]:
    """What is not usual, a few words each; long lists are left to the record.

    Args:
        assumptions: as `told` gives them.

    Example:
        >>> in_words({"prior": {"alpha_per_gy": [0.3, 0.1]}, "kinetics": {"name": "standard", "linear_above_gy": 10.0}})
        ['prior alpha_per_gy [0.3, 0.1]', 'kinetics linear_above_gy 10.0']
    """
    words = []
    for part, said in assumptions.items():
        for name, value in said.items():
            if name not in ("name", "code"):
                shown = str(value)
                words.append(f"{part} {name} {shown if len(shown) <= 80 else '(in the record)'}")
    return words


def _of_model(model: Any, registry: Mapping[str, Any]) -> dict[str, Any]:
    """Its name and what is not usual in it; what it holds and a digest of its code where it is in no registry."""
    usual = registry.get(model.name) if isinstance(model.name, str) else None
    if usual is type(model):
        other = differences(model, usual()) if is_dataclass(model) else dict(vars(model))
        return {"name": model.name, **other} if other else {}
    place = f"{type(model).__module__}:{type(model).__qualname__}"
    held = (
        {f.name: getattr(model, f.name) for f in fields(model)} if is_dataclass(model) else dict(vars(model))
    )
    return {"name": model.name, "class": place, "code": code_digest(model), "holds": held}


def _of_template(name: str, template: Template) -> dict[str, Any]:
    usual, now = technique(name).model_dump(mode="json"), template.model_dump(mode="json")
    return {field: value for field, value in now.items() if value != usual[field]}


def read_assumptions(path: str | PathLike[str]) -> Assumed:
    """Keywords of `compare`, `run_study` and `sweep` from a YAML file.

    Args:
        path: the file; another that it names lies beside it or is named in full.

    Returns:
        prior, kinetics, outcomes and templates, as far as the file changes them.

    Raises:
        InputError: it cannot be read, or asks for what there is not.
    """
    file = Path(path)
    try:
        asked = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"the assumptions {file} cannot be read: {error}") from None
    if not isinstance(asked, dict):
        raise InputError(f"the assumptions {file} must be a mapping with some of {', '.join(_KEYS)}")
    return assumed(asked, file.parent)


def assumed(asked: Mapping[str, Any], folder: Path = Path()) -> Assumed:
    """Keywords of `compare`, `run_study` and `sweep` from a mapping, as a file or a run's record has it.

    Args:
        asked: part -> a name, the changes of the usual one, or the part itself.
        folder: of the files that it names.

    Raises:
        InputError: it asks for what there is not.
    """
    unknown = [key for key in asked if key not in _KEYS]
    if unknown:
        raise InputError(f"no assumption is called {unknown[0]!r}; there are: {', '.join(_KEYS)}")
    found: Assumed = dict(asked)
    if isinstance(prior := asked.get("prior"), Mapping):
        found["prior"] = CLINICAL.with_(**prior)
    for part, named in (("kinetics", kinetics_named), ("outcomes", outcome_model_named)):
        if part in asked:
            found[part] = _model(asked[part], named, part, folder)
    if "templates" in asked:
        found["templates"] = {
            name: _template(name, one) for name, one in _mapping(asked, "templates").items()
        }
    return found


def _model(asked: Any, named: Any, part: str, folder: Path) -> Any:
    if not isinstance(asked, Mapping):
        return named(asked)
    changes = {k: v for k, v in asked.items() if k != "name"}
    if "class" in changes:
        raise InputError(
            f"the {part} {asked.get('name')!r} is another's model; give it as an object of {changes['class']}"
        )
    name = asked.get("name", _USUAL[part])
    model = named(name)
    if not is_dataclass(model):
        raise InputError(f"the {part} {name!r} has no parameters that can be set by name")
    if "posterior" in changes and hasattr(model, "posterior"):
        model = replace(model, posterior=_posterior(changes.pop("posterior"), folder))  # type: ignore[type-var]
    if "constants" in changes and getattr(model, "constants", 0) is None:
        model = replace(model, constants=TRIAL)  # type: ignore[type-var]
    return changed(model, changes, f"the {part} {name!r}")


def _posterior(asked: Any, folder: Path) -> Posterior:
    if isinstance(asked, Posterior):
        return asked
    if isinstance(asked, Mapping):
        return Posterior(np.array(asked["z"]), asked["digest"], tuple(asked["left_out"]), asked["diverged"])
    return Posterior.load(folder / str(asked))


def _mapping(asked: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    if not isinstance(asked[part], Mapping):
        raise InputError(f"{part} must be a mapping of names, not {asked[part]!r}")
    return asked[part]


def _template(name: str, asked: Any) -> Template:
    """A technique's template with other fields, or one that is given whole."""
    if isinstance(asked, Template):
        if asked.name != name:
            raise InputError(
                f"the template {asked.name!r} cannot stand for the technique {name!r}; its name is that"
            )
        return asked
    if not isinstance(asked, Mapping):
        raise InputError(f"the template {name!r} must be a mapping of fields, not {asked!r}")
    try:
        return Template.model_validate({**technique(name).model_dump(), **asked})
    except ValidationError as error:
        raise InputError(f"the template {name!r} cannot be changed so: {sentence(error)}") from None
