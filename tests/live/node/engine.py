"""What test_site.py runs in Node's Pyodide: all that the page asks of the engine, once."""

import importlib.util
import json
import time

import minigan.gans  # noqa: F401
import minigan.theory  # noqa: F401
from minigan.data.mnist import mnist
from minigan.live.inside import Engine
from minigan.live.session import Session

engine = Engine(Session(data={"mnist": lambda: mnist("train", "/digits")}, where="browser"))


def ask(ask, **fields):
    answer = json.loads(engine.answer(json.dumps({"protocol": 1, "id": 1, "ask": ask, **fields})))
    assert answer["ok"], answer
    return answer


def rate(seconds):
    """Rounds a second, undisturbed by any looks."""
    ask("play", playing=True)
    began, first = time.perf_counter(), ask("frame")["round"]
    while time.perf_counter() - began < seconds:
        assert engine.advance(0.05) == 0
    ask("play", playing=False)
    return (ask("frame")["round"] - first) / (time.perf_counter() - began)


found = {
    "missing": [
        name
        for name in ("lzma", "safetensors", "tqdm", "matplotlib")
        if importlib.util.find_spec(name) is None
    ]
}
hello = ask("hello")
assert hello["where"] == "browser" and hello["source"]
assert not json.loads(engine.answer("{"))["ok"]
PARTS = {
    "plane": ["samples", "field", "best", "manifold", "arrows", "divergences"],
    "line": ["densities", "curve", "map"],
    "images": ["samples", "real", "scores"],
}
for game in hello["games"]:
    ask("new", settings={"game": game["name"]})
    found[game["name"]] = rate(1.0)
    newest = ask("frame", wants=[*PARTS[game["kind"]], "gradients"])["round"]
    assert newest > 0
    assert ask("step", player="both", trace=True)["lines"]
    ask("go", round=newest)
for recipe in ("conditional_gan", "wgan_gp"):  # labels by number, and second derivatives
    name = next(
        choice
        for one in hello["settings"]["images"]
        if one["name"] == "recipe"
        for choice in one["choices"]
        if choice.startswith(recipe)
    )
    ask("new", settings={"game": "images", "recipe": name, "batch_size": 8})
    ask("step", player="both")
print(json.dumps(found))
