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


missing = [name for name in ("lzma", "safetensors", "tqdm", "matplotlib")
           if importlib.util.find_spec(name) is None]  # fmt: skip
hello = ask("hello")
assert hello["where"] == "browser" and hello["source"]
ask("play", playing=True)
while engine.game.answer({"protocol": 1, "ask": "frame"})["round"] < 20:
    assert engine.advance(0.01) == 0
began, rounds = time.perf_counter(), ask("frame")["round"]
while time.perf_counter() - began < 1:
    engine.advance(0.05)
rate = (ask("frame")["round"] - rounds) / (time.perf_counter() - began)
ask("play", playing=False)
assert engine.advance(0.01) > 1
frame = ask("frame", wants=["samples", "field", "best", "manifold", "arrows", "divergences"])
traced = ask("step", player="both", trace=True)["lines"]
assert any(line["function"].endswith("generator_step") for line in traced)
assert not json.loads(engine.answer("{"))["ok"]
digits = ask("new", settings={"game": next(
    game["name"] for game in hello["games"] if game["kind"] == "images"
)})  # fmt: skip
ask("step", player="both")
pixels = ask("frame", wants=["samples"])["samples"]["pixels"]
print(json.dumps({
    "missing": missing, "rounds a second": rate, "round": frame["round"], "pixels": pixels["shape"],
}))  # fmt: skip
