"""The tables of docs/experiments: what each found, with how many seeds and how surely.

Each function takes the content of the experiment's file, {"commands": …, "runs": …}, and returns
Markdown. tables.py puts it on the page. A mean of n runs has Student's 95 % interval behind its ±,
and a count of n has Wilson's; intervals.py says why.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from intervals import fisher, half_width, wilson
from layout import minus, table

Runs = list[dict[str, Any]]
Found = dict[str, Any]


def where(found: Found, **settings: Any) -> Runs:
    """The runs with these settings, in the order of their seeds."""
    runs = [
        run
        for run in found["runs"]
        if all(run["settings"].get(name) == value for name, value in settings.items())
    ]
    return sorted(runs, key=lambda run: run["settings"].get("seed", 0))


def several(values: Sequence[Any]) -> list[Any]:
    """Each value once, in the order in which they come."""
    return list(dict.fromkeys(values))


def mean(values: Sequence[float], places: int) -> str:
    """The mean, and half of its interval where there are several values."""
    text = f"{statistics.fmean(values):.{places}f}"
    return minus(text) + (f" ± {half_width(values):.{places}f}" if len(values) > 1 else "")


def counted(count: int, total: int) -> str:
    """ "5 of 20 (11–47 %)" """
    low, high = wilson(count, total)
    return f"{count} of {total} ({100 * low:.0f}–{100 * high:.0f} %)"


# ---------------------------------------------------------------------------------------------
# The ring

FEW = 7  # a run that ends with fewer of the eight modes has lost hills
RATES = ("equal rates", "hasty generator")
OBJECTIVES = (
    "saturating",
    "non-saturating",
    "least squares",
    "Wasserstein, gradient penalty",
    "Wasserstein, its paper's betas",
    "non-saturating, 5 steps of D",
)


def usual_kernel(found: Found) -> str:
    """The kernel that most runs were made with."""
    return statistics.mode(run["settings"]["kernel"] for run in found["runs"])


def lost(runs: Runs) -> list[int]:
    """The seeds of the runs that lost hills."""
    return [run["settings"]["seed"] for run in runs if run["modes"] < FEW]


def ring_table(found: Found) -> str:
    kernel, rows = usual_kernel(found), []
    for name in OBJECTIVES:
        cells = []
        for rate in RATES:
            runs = where(found, objective=name, rate=rate, kernel=kernel)
            if runs:
                good = mean([100 * run["good"] for run in runs], 0)
                cells += [counted(len(lost(runs)), len(runs)), f"{good} %"]
            else:
                cells += ["not played", ""]
        rows.append([name, *cells])
    head = ["objective", "equal rates: lost hills", "good samples"]
    head += ["hasty generator: lost hills", "good samples"]
    return table(head, ["left"] + ["right"] * 4, rows)


def kernels_table(found: Found) -> str:
    """The two rows in question, by the kernel that multiplied: which seeds lost hills."""
    rows = []
    for kernel in several([run["settings"]["kernel"] for run in found["runs"]]):
        cells = []
        for name in ("saturating", "non-saturating"):
            runs = where(found, objective=name, rate=RATES[1], kernel=kernel)
            which = ", ".join(map(str, lost(runs))) or "none"
            cells += [counted(len(lost(runs)), len(runs)), which] if runs else ["not played", ""]
        rows.append([kernel, *cells])
    head = ["kernel", "saturating: lost hills", "seeds", "non-saturating: lost hills", "seeds"]
    return table(head, ["left", "right", "left", "right", "left"], rows)


def of_ring(found: Found, which: str) -> str:
    """ "RATE: OBJECTIVE", its count; "RATE: A | B", the probability of two counts so unequal.

    Of the usual kernel alone; "RATE, all kernels: …" is of all runs. B may have a rate of its own.
    """
    cells, rate = [], ""
    for cell in which.split(" | "):
        own_rate, _, name = cell.rpartition(": ")
        rate = own_rate or rate
        of = {} if rate.endswith(", all kernels") else {"kernel": usual_kernel(found)}
        cells.append(where(found, objective=name, rate=rate.removesuffix(", all kernels"), **of))
    if len(cells) == 1:
        return counted(len(lost(cells[0])), len(cells[0]))
    (a, of_a), (b, of_b) = [(len(lost(runs)), len(runs)) for runs in cells]
    return f"{fisher(a, of_a, b, of_b):.2f}"


# ---------------------------------------------------------------------------------------------
# The first weights

EPOCHS = (2, 4, 6, 8, 10, 12)
WEIGHTS = {
    "authors/authors": "the authors' in both",
    "torch/authors": "torch's in G",
    "authors/torch": "torch's in D",
    "torch/torch": "torch's in both",
}


def first_weights_table(found: Found) -> str:
    rows, missing = [], []
    for weights, name in WEIGHTS.items():
        for from_mean in (True, False):
            bias = "the digits' mean" if from_mean else "as the weights'"
            runs = where(found, weights=weights, **{"last bias from the mean": from_mean})
            for run in runs:
                looks = [
                    f"{run['deviation'][epoch - 1]:.3f} ({run['digits'][epoch - 1]})"
                    for epoch in EPOCHS
                ]
                rows.append([name, bias, str(run["settings"]["seed"]), *looks])
            if len(runs) < 3:
                seeds = ", ".join(str(seed) for seed in range(len(runs), 3))
                missing.append(f"{name}, {bias}, seeds {seeds}")
    head = ["first weights", "last bias", "seed", f"after {EPOCHS[0]}", *map(str, EPOCHS[1:-1])]
    text = table(
        [*head, f"and {EPOCHS[-1]} epochs"], ["left"] * 2 + ["right"] * (1 + len(EPOCHS)), rows
    )
    return text + (f"\n\nNot played yet: {'; '.join(missing)}." if missing else "")


# ---------------------------------------------------------------------------------------------
# Floors


def with_deviation(values: Sequence[float], places: int) -> str:
    """The mean of several draws, and in brackets the standard deviation of one draw."""
    return f"{statistics.fmean(values):.{places}f} ({statistics.stdev(values):.{places}f})"


def floors_table(found: Found) -> str:
    """Fréchet distances of real images from real images, by how many there are of each."""
    pairs = ("train–train", "test–test", "train–test")
    rows = []
    for size in several([run["settings"].get("n") for run in found["runs"]]):
        cells = []
        for pair in pairs:
            runs = where(found, sets=pair, n=size, scores=None)
            runs = [run for run in runs if "frechet_distance" in run]
            cells.append(with_deviation([r["frechet_distance"] for r in runs], 2) if runs else "–")
        rows.append([f"{size:,}", *cells])
    head = ["images in each set", *pairs]
    return table(head, ["right"] * 4, rows)


PAIRED = ("precision", "recall", "density", "coverage", "two_sample")


def ceilings_table(found: Found) -> str:
    """The scores of neighbors, of real images beside real images, 5,000 of each."""
    rows = []
    for pair in ("train–train", "train–test"):
        runs = where(found, sets=pair, scores="of pairs")
        rows.append([pair, *[with_deviation([run[name] for run in runs], 3) for name in PAIRED]])
    head = ["", "precision", "recall", "density", "coverage", "two-sample accuracy"]
    return table(head, ["left"] + ["right"] * len(PAIRED), rows)


def clipping_table(found: Found) -> str:
    rows = []
    for clipped in (True, False):
        runs = where(found, clipped=clipped)
        cells = [with_deviation([r[s] for r in runs], 1) for s in ("frechet_distance", "parzen")]
        rows.append([f"{'clipped to [0, 1]' if clipped else 'as it falls'}", *cells])
    return table(["noise of 0.1", "Fréchet distance", "Parzen"], ["left", "right", "right"], rows)


def of_floors(found: Found, which: str) -> str:
    """ "train–train 10000 .1f": a mean; "labels KEY .4f"; "train SCORE .3f"."""
    *names, spec = which.split(" ")
    if names[0] == "labels":
        return format(where(found, labels="right")[0][" ".join(names[1:])], spec)
    if names[0] == "train":
        runs = [run for run in where(found, sets="train") if names[1] in run]
        return format(statistics.fmean(run[names[1]] for run in runs), spec)
    runs = where(found, sets=names[0], n=int(names[1]), scores=None)
    return format(statistics.fmean(run["frechet_distance"] for run in runs), spec)


# ---------------------------------------------------------------------------------------------
# The small GAN


def lsgan_table(found: Found) -> str:
    rows = []
    kernel = usual_kernel(found)
    for name in several([run["settings"]["recipe"] for run in found["runs"]]):
        runs = where(found, recipe=name, kernel=kernel)
        distance = mean([run["frechet_distance"] for run in runs], 0)
        modes = ", ".join(str(run["modes"]) for run in runs)
        rows.append([name, seeds_of(runs), distance, modes])
    head = ["recipe", "seeds", "Fréchet ↓", "modes, seed by seed"]
    return table(head, ["left", "left", "right", "right"], rows)


def seeds_of(runs: Runs) -> str:
    return ", ".join(str(run["settings"]["seed"]) for run in runs)


SHOWN = tuple(str(iteration) for iteration in range(0, 1751, 250))
VARIANCE, DEVIATION = "variance before the sigmoid", "deviation of a pixel"


def lsgan_death_table(found: Found) -> str:
    """How the two recipes that keep the batch norm lose their spread."""
    rows = []
    for recipe in ("as published", "only the pixels in [−1, 1]"):
        for run in where(found, recipe=recipe):
            settings = run["settings"]
            name = f"{recipe}, seed {settings['seed']}, {settings['kernel']}"
            for what, places in ((VARIANCE, ".0e"), (DEVIATION, ".2f")):
                cells = [format(run["looks"][look][what], places) for look in SHOWN]
                rows.append([name, what, *map(minus, cells)])
                name = "…"
    head = ["recipe", "after so many iterations", *[f"{int(look):,}" for look in SHOWN]]
    return table(head, ["left"] * 2 + ["right"] * len(SHOWN), rows)


# ---------------------------------------------------------------------------------------------
# eps


def eps_table(found: Found) -> str:
    """In front of each batch norm: the median variance, and the units in which it is below eps."""
    rows = []
    for run in found["runs"]:
        for iteration, layers in run["iterations"].items():
            cells = [
                f"{layer['median']:.2g}; {layer['share below eps']:.0%}; "
                f"{layer['deviation behind']:.2f}".replace("%", " %")
                for layer in layers
            ]
            rows.append([f"{int(iteration):,}", str(run["settings"]["seed"]), *cells])
    head = ["after so many iterations", "seed", "first batch norm", "second", "third"]
    return table(head, ["right"] * 5, rows)


# ---------------------------------------------------------------------------------------------
# Averages

COLUMNS = ("last", "averaged", "statistics anew")
SYSTEMS = {"dcgan": "DCGAN, 32 maps", "gan": "MLP GAN"}


def averages_table(found: Found) -> str:
    """Fréchet distances, in brackets precision, of three generators of the same run."""
    rows = []
    for system, name in SYSTEMS.items():
        for run in where(found, system=system):
            settings = run["settings"]
            both = [(run[c]["frechet_distance"], run[c]["precision"]) for c in COLUMNS]
            cells = [f"{distance:.1f} ({precision:.2f})" for distance, precision in both]
            rows.append([name, str(settings["seed"]), str(settings["epochs"]), *cells])
    head = ["system", "seed", "epochs", "last weights", "averaged, statistics copied"]
    return table([*head, "averaged, statistics measured anew"], ["left"] + ["right"] * 5, rows)


def of_averages(found: Found, which: str) -> str:
    """ "dcgan 0 12 averaged nearest_training_image .2f": a score of one generator.

    "share of statistics dcgan 0 12": how much of what the average is worse than the last weights,
    by its Fréchet distance, it makes up with statistics of its own.

    "gain of statistics gan 25": by how much they change its Fréchet distance, over all seeds.
    """
    if which.startswith("gain of statistics "):
        system, epochs = which.removeprefix("gain of statistics ").split(" ")
        runs = where(found, system=system, epochs=int(epochs))
        scores = [[run[column]["frechet_distance"] for column in COLUMNS] for run in runs]
        text = mean([anew - averaged for _, averaged, anew in scores], 1)
        return f"{text} (seeds {', '.join(str(run['settings']['seed']) for run in runs)})"
    one = which.removeprefix("share of statistics ")
    system, seed, epochs, *rest = one.split(" ")
    (run,) = where(found, system=system, seed=int(seed), epochs=int(epochs))
    if one != which:
        last, averaged, anew = (run[column]["frechet_distance"] for column in COLUMNS)
        return f"{(averaged - anew) / (averaged - last):.0%}".replace("%", " %")
    column, score, spec = rest
    return format(run[column][score], spec)


# ---------------------------------------------------------------------------------------------
# The cliff in the DCGAN's loss


def cliff_table(found: Found) -> str:
    """What is left of G's gradient, a row for each seed, and the fake of which D is least sure."""
    rows = []
    for seed in several([run["settings"]["seed"] for run in found["runs"]]):
        cells = [
            minus(f"{run['share']:.2g} ({run['highest']:.1f})") for run in where(found, seed=seed)
        ]
        rows.append([str(seed), *cells])
    scores = several([run["settings"]["mean score"] for run in found["runs"]])
    head = ["seed", *(f"mean s = {minus(f'{score:g}')}" for score in scores)]
    return table(head, ["right"] * len(head), rows)


# ---------------------------------------------------------------------------------------------
# Pictures without labels

# What your_own_pictures.md shows of each set: the score, and its decimals.
PICTURE_SCORES = {
    "frechet_distance": ("Fréchet ↓", 1),
    "kernel_distance": ("kernel ↓", 3),
    "precision": ("precision ↑", 2),
    "recall": ("recall ↑", 2),
    "coverage": ("coverage ↑", 2),
    "two_sample": ("two-sample, ½", 2),
    "nearest_picture": ("nearest, 1", 2),
    "copies": ("near copies, 0.05", 2),
}


def few_pictures_table(found: Found) -> str:
    """The last and the averaged weights of each run, and the real half and the faulty sets once."""
    rows = []
    for run in found["runs"]:
        for column, weights in (("generator", "last weights"), ("average", "averaged")):
            rows.append([f"{run['settings']['run']}, {weights}", *cells(run["columns"][column])])
    others = found["runs"][0]["columns"]
    for title in others:
        if title not in ("generator", "average"):
            rows.append([f"*{title}*", *cells(others[title])])
    head = ["pictures", *(title for title, _ in PICTURE_SCORES.values())]
    return table(head, ["left"] + ["right"] * len(PICTURE_SCORES), rows)


def few_losses_table(found: Found) -> str:
    """The median losses of each run, at its beginning and at its end."""
    names = ("D loss", "G loss", "D(x)", "D(G(z1))")
    rows = [
        [f"{run['settings']['run']}, {part} 1,000 iterations"]
        + [f"{run['losses'][part][name]:.2f}" for name in names]
        for run in found["runs"]
        for part in ("first", "last")
    ]
    return table(["median of", *names], ["left"] + ["right"] * len(names), rows)


def cells(scores: dict[str, float]) -> list[str]:
    return [minus(f"{scores[name]:.{places}f}") for name, (_, places) in PICTURE_SCORES.items()]


def eyes_table(found: Found) -> str:
    """Kernel distance of each set, as each eye sees it that was fitted on all, or on one half."""
    titles = [title for title in found["runs"][0]["columns"] if title != "real half"]
    head = ["eye", "seconds", "real half", "… unseen", *titles]
    rows = []
    for name in several([run["settings"]["eye"] for run in found["runs"]]):
        (whole,), (half,) = (
            where(found, eye=name, **{"fitted on": fitted_on}) for fitted_on in ("all", "half")
        )
        distances = [whole["columns"]["real half"], half["columns"]["real half"]]
        distances += [whole["columns"][title] for title in titles]
        values = [minus(f"{one['kernel_distance']:.3f}") for one in distances]
        rows.append([name, f"{whole['fitting seconds']:.1f}", *values])
    return table(head, ["left"] + ["right"] * (len(head) - 1), rows)


# By the name of the table: the experiment's file, and who makes it.
TABLES: dict[str, tuple[str, Callable[[Found], str]]] = {
    "ring": ("ring.json", ring_table),
    "ring-kernels": ("ring.json", kernels_table),
    "first-weights": ("first-weights.json", first_weights_table),
    "floors": ("floors.json", floors_table),
    "ceilings": ("floors.json", ceilings_table),
    "clipping": ("floors.json", clipping_table),
    "lsgan": ("lsgan.json", lsgan_table),
    "lsgan-death": ("lsgan.json", lsgan_death_table),
    "eps": ("eps.json", eps_table),
    "averages": ("averages.json", averages_table),
    "cliff": ("cliff.json", cliff_table),
    "few-pictures": ("few_pictures.json", few_pictures_table),
    "few-losses": ("few_pictures.json", few_losses_table),
    "eyes": ("eyes.json", eyes_table),
}
# By the first word of a figure's name: the file, and who finds the figure.
FIGURES: dict[str, tuple[str, Callable[[Found, str], str]]] = {
    "ring": ("ring.json", of_ring),
    "floors": ("floors.json", of_floors),
    "averages": ("averages.json", of_averages),
}
