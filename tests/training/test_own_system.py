"""A system in a file of one's own: which files hold one, its flags, and what no checkpoint does."""

import sys
from textwrap import dedent

import pytest

from minigan.errors import UserError
from minigan.gans import GAN, rebuild
from minigan.training import load_gan
from minigan.training.checkpoint import save_checkpoint
from minigan.training.command import training_parser
from minigan.training.own_system import add_settings_flags, own_settings, own_system

WHOLE = """
    from dataclasses import dataclass, field
    from typing import Literal

    from minigan import nn
    from minigan.gans import DCGAN, GAN
    from minigan.optim import Adam


    @dataclass(frozen=True)
    class Settings:
        latent_dim: int = 3
        scale: float = 0.5
        word: str = "100% wool"
        spectral: bool = False
        hidden: tuple[int, ...] = (4,)
        decay: float | None = None
        epochs: int = 2
        batch_size: int = 4
        drop_last: bool = True
        average: float | None = None


    class Own(GAN):
        name = "own"
        settings = Settings()

        def networks(self):
            generator = nn.Sequential(
                nn.Linear(self.settings.latent_dim, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))
            )
            return generator, nn.Sequential(nn.Flatten(), nn.Linear(784, 1))

        def optimizer(self, network):
            return Adam(network.parameters(), 1e-3)

        def step(self, real, labels=None):
            fake = self.generator(self.noise(len(real)))
            d_loss = self.discriminator(fake.detach()).mean() - self.discriminator(real).mean()
            self.discriminator_optimizer.minimize(d_loss)
            with nn.frozen(self.discriminator):
                g_loss = -self.discriminator(fake).mean()
            self.generator_optimizer.minimize(g_loss)
            return {"D loss": d_loss.detach(), "G loss": g_loss.detach()}
"""


@pytest.fixture
def file(tmp_path):
    """file(old, new, more): the file of the whole system with this changed and that added."""

    def write(old="", new="", more=""):
        assert old in WHOLE
        path = tmp_path / "own.py"
        path.write_text(dedent(WHOLE.replace(old, new)) + dedent(more), encoding="utf-8")
        return path

    return write


def test_the_system_of_a_file(file):
    system = own_system(file())
    assert issubclass(system, GAN) and system.name == "own" and system.settings.latent_dim == 3
    assert own_system(None) is None
    # What only others build upon, what is imported, and a second name are no systems of their own.
    more = "class Mine(Own):\n    name = 'mine'\n\n\nAgain = Mine\n"
    assert own_system(file(more=more)).name == "mine"
    assert own_system(file("scale: float", "shift: float")).settings.shift == 0.5  # read anew


def test_types_may_be_written_as_text(file):
    path = file()
    path.write_text("from __future__ import annotations\n" + path.read_text())
    parser = training_parser("", out="run", data="")
    add_settings_flags(parser, own_system(path))
    assert parser.parse_args(["--scale", "2"]).scale == 2.0


FAULTS = {
    "no system": (("class Own(GAN):", "class Own(object):"), "own.py defines no system: a class"),
    "two systems": (
        ("", "", "class Other(GAN):\n    name = 'other'\n"),
        "own.py defines 2 systems, Own and Other: one file, one system",
    ),
    "a slip of the pen": (("return generator,", "return generator,,"), "own.py, line 32: "),
    "an error": (("", "", "\nprint(undefined)\n"), r"own.py, line 46: NameError: name 'undefined'"),
    "an error in a call": (
        ("", "", "\ndef f():\n    raise KeyError('x')\n\n\nf()\n"),
        r"own.py, line 47: KeyError: 'x'",
    ),
    "an exit": (("", "", "\nraise SystemExit(3)\n"), r"own.py, line 46: SystemExit: 3"),
    "a library": (
        ("", "", "\nimport no_such_library\n"),
        "own.py, line 46: ModuleNotFoundError: No module named 'no_such_library'",
    ),
    "a settings without default": (
        ("latent_dim: int = 3", "latent_dim: int"),
        r"own.py, line 26: TypeError: .*missing 1 required positional argument: 'latent_dim'",
    ),
    "no settings": (("settings = Settings()", "pass"), "Own in .*own.py has no default settings"),
    "a class of settings": (("= Settings()", "= Settings"), "Own in .*own.py has no default sett"),
    "settings of no dataclass": (("= Settings()", "= {}"), "Own in .*own.py has no default settin"),
    "settings that are not plain": (
        ("hidden: tuple[int, ...] = (4,)", "hidden: object = GAN"),
        r"own.py: Own.settings\['hidden'\] is a Built; it must be a str, int, .*checkpoint holds",
    ),
    "no name": (('name = "own"', "pass"), 'Own in .*own.py has no name: give it one, name = "my_g'),
    "a name that is taken": (
        ('name = "own"', 'name = "wgan_gp"'),
        "Own in .*own.py is called 'wgan_gp', as minigan's WGANGP is: give it another name",
    ),
    "an inherited name": (
        ('class Own(GAN):\n        name = "own"', "class Own(DCGAN):"),
        "Own in .*own.py is called 'dcgan', as minigan's DCGAN is",
    ),
    "no step": (("def step(", "def steps("), r"Own in .*own.py has no method step\(real, labels\)"),
    "no networks": (("def networks(", "def n("), r"own.py has no method networks\(\), which makes"),
    "no optimizer": (("def optimizer(", "def o("), r"own.py has no method optimizer\(network\), "),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_line(file, name):
    change, words = FAULTS[name]
    with pytest.raises(UserError, match=words) as caught:
        own_system(file(*change))
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="--system: .*nowhere.py cannot be read"):
        own_system(tmp_path / "nowhere.py")
    with pytest.raises(UserError, match="--system: .* cannot be read"):
        own_system(tmp_path)
    (tmp_path / "bytes.py").write_bytes(bytes(range(256)))
    with pytest.raises(UserError, match="bytes.py"):
        own_system(tmp_path / "bytes.py")


# ---- flags --------------------------------------------------------------------------------------


def parsed(system, *arguments):
    recipes = {system.name: system.settings}
    parser = training_parser("", out="run", data="", recipes=recipes, recipe=system.name)
    add_settings_flags(parser, system)
    return parser.parse_args(arguments)


def test_each_field_is_a_flag(file, capsys):
    system = own_system(file())
    assert own_settings(system, parsed(system)) == system.settings
    line = "--latent-dim 9 --scale -2 --word silk --spectral --decay 0.5 --epochs 7 --no-drop-last"
    settings = own_settings(system, parsed(system, *line.split()), image_shape=(1, 2, 2))
    found = {name: getattr(settings, name) for name in ("latent_dim", "scale", "word", "spectral")}
    assert found == {"latent_dim": 9, "scale": -2.0, "word": "silk", "spectral": True}
    assert (settings.decay, settings.epochs, settings.drop_last) == (0.5, 7, False)
    assert settings.hidden == (4,)  # a tuple has no flag
    with pytest.raises(SystemExit):
        parsed(system, "--help")
    assert "(default: 100% wool)" in capsys.readouterr().out
    with pytest.raises(SystemExit):  # the flags that all runs have keep their own rules
        parsed(system, "--epochs", "0")


def test_flags_and_fields_that_do_not_fit(file, capsys):
    system = own_system(file())
    with pytest.raises(SystemExit):
        parsed(system, "--beta1", "0.5")
    assert "there is no flag --beta1" in capsys.readouterr().err
    with pytest.raises(UserError, match="field 'seed', but --seed is a flag of every run"):
        parsed(own_system(file("scale: float", "seed: float")))
    system = own_system(file("epochs: int = 2", ""))
    with pytest.raises(UserError, match="'own' lack what a training goes by: epochs: int$"):
        parsed(system)


# ---- checkpoints --------------------------------------------------------------------------------


def test_a_checkpoint_comes_back_with_its_class_and_imports_nothing(file, tmp_path):
    system = own_system(file("epochs: int = 2", ""))  # a loop of one's own needs no `epochs`
    gan = system(seed=3)
    arrays, plain = gan.state()
    save_checkpoint(tmp_path / "checkpoint.safetensors", arrays, plain)
    noise = gan.sample_noise(2)
    again = load_gan(tmp_path, system=system)
    assert type(again) is system and again.sample(noise).tolist() == gan.sample(noise).tolist()
    before = set(sys.modules)
    words = "holds a 'own', which is no system of minigan; name its file with --system"
    with pytest.raises(UserError, match=words):
        load_gan(tmp_path)
    for name in ("own.Own", "os", "own system own", str(tmp_path / "own.py")):
        with pytest.raises(UserError, match="which is no system of minigan"):
            rebuild(arrays, {**plain, "system": name})
    assert set(sys.modules) == before


def test_a_class_and_a_checkpoint_that_do_not_fit(file):
    system = own_system(file())
    arrays, plain = system().state()
    with pytest.raises(UserError, match="holds a 'other', and not the 'own' of Own; name the file"):
        rebuild(arrays, {**plain, "system": "other"}, system=system)
    with pytest.raises(UserError, match="holds a 'gan', and not the 'own' of Own; leave out its f"):
        rebuild(arrays, {**plain, "system": "gan"}, system=system)
    changed = own_system(file("scale: float", "shift: float"))
    with pytest.raises(UserError, match=r"settings of another version: \['scale', 'shift'\]"):
        rebuild(arrays, plain, system=changed)
