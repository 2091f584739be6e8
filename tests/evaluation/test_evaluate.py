"""Samples beside real images: every number by hand, drawing, the table, and the command."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigan.data import mnist
from minigan.errors import UserError
from minigan.evaluation import evaluate as evaluation
from minigan.evaluation import parzen, references, scores
from minigan.evaluation.evaluate import (
    ROWS,
    STAGES,
    Reference,
    Scores,
    draw,
    evaluate,
    fitted_error,
    spread,
    table,
)
from minigan.evaluation.references import measured, reference_samples
from minigan.gans import rebuild
from minigan.gans.conditional_gan import ConditionalGAN
from minigan.gans.conditional_gan import Recipe as ConditionalRecipe
from minigan.gans.gan import MLPGAN, Recipe
from minigan.gans.lsgan import LSGAN
from minigan.gans.lsgan import Recipe as LSRecipe
from minigan.random import Random
from minigan.tensor import Tensor

COUNT = 200
SMALL = {"generator_widths": (8,), "discriminator_widths": (8,), "latent_dim": 4}


@pytest.fixture(scope="module")
def part():
    """Some images of MNIST's test set, as a data set."""
    whole = mnist("test")

    def cut(start, stop):
        return replace(whole, images=whole.images[start:stop], labels=whole.labels[start:stop])

    return cut


@pytest.fixture(scope="module")
def reference(part):
    """400 training images and 300 test images, so that a test takes no seconds."""
    return Reference(part(0, 400), part(400, 700))


@pytest.fixture(scope="module")
def others(part):
    """Images of neither part of the reference, and their labels."""
    dataset = part(1000, 1000 + COUNT)
    return evaluation.as_unit(dataset.images), dataset.labels


# ---------------------------------------------------------------- the numbers


def test_every_number_is_its_score_of_the_right_images(reference, others, monkeypatch):
    monkeypatch.setattr(evaluation, "PAIRED", 100)
    monkeypatch.setattr(evaluation, "LOOKED_UP", 60)
    images, labels = others
    stages = []
    result = evaluate(images, reference, labels, progress=stages.append)
    assert result.count == COUNT
    assert tuple(stages) == tuple(result.seconds) == STAGES

    real, fake = reference.judge.look(reference.test_images), reference.judge.look(images)
    some = real.features[np.arange(COUNT) * 300 // COUNT]
    pairs = real.features[::3], fake.features[:100]
    rows = images.reshape(COUNT, 784)
    test = reference.test.images.reshape(300, 784) / np.float32(255)
    train = reference.train.images.reshape(400, 784) / np.float32(255)
    expected = {
        "frechet_distance": scores.frechet_distance(some, fake.features),
        "classifier_score": scores.classifier_score(fake.probabilities),
        "modes": scores.modes_covered(fake.probabilities),
        "label_kl": scores.label_kl(fake.probabilities, real.probabilities),
        **scores.precision_recall(*pairs)._asdict(),
        **scores.density_coverage(*pairs)._asdict(),
        "label_agreement": np.mean(fake.probabilities.argmax(axis=1) == labels),
    }
    accuracy = scores.two_sample_accuracy(*pairs)
    expected |= {"two_sample": accuracy.total, "two_sample_real": accuracy.real}
    expected |= {"two_sample_fake": accuracy.fake}
    score = parzen.parzen_score(rows, train, test)
    expected |= {"parzen": score.mean, "parzen_error": score.standard_error}
    expected |= {"parzen_sigma": score.sigma}
    usual = np.median(scores.nearest_neighbours(test[::5], train)[1])
    here = np.median(scores.nearest_neighbours(rows[:60], train)[1])
    expected |= {"nearest_training_image": here / usual}
    assert result.scores._asdict() == pytest.approx(expected, rel=1e-5)


def test_labels_agree_where_they_are_right(reference, others):
    images, labels = others
    assert evaluate(images, reference, labels).scores.label_agreement > 0.9
    wrong = evaluate(images, reference, (labels + 1) % 10).scores
    assert wrong.label_agreement < 0.1
    assert evaluate(images, reference).scores.label_agreement is None


def test_a_copy_is_at_distance_0_and_a_new_image_at_the_usual_one(reference, others):
    copies = evaluation.as_unit(reference.train.images[:COUNT])
    assert evaluate(copies, reference).scores.nearest_training_image == 0
    assert 0.8 < evaluate(others[0], reference).scores.nearest_training_image < 1.25


def test_the_nearest_training_image_is_found_in_any_part(reference, others, monkeypatch):
    monkeypatch.setattr(evaluation, "COUNT", 70)  # six parts
    numbers, distances = reference.nearest_training_images(others[0][:30])
    every = others[0][:30].reshape(30, 1, 784) - reference.train.images.reshape(400, 784) / 255
    every = np.sqrt((every**2).sum(axis=2))
    np.testing.assert_array_equal(numbers, every.argmin(axis=1))
    np.testing.assert_allclose(distances, every.min(axis=1), rtol=1e-6)


@given(st.integers(1, 500), st.integers(0, 500))
def test_spread_reaches_over_all(count, more):
    places = spread(count, count + more)
    assert places[0] == 0 and places[-1] < count + more
    gaps = np.diff([*places, count + more])
    assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1


# ---------------------------------------------------------------- what may come in


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((200, 1, 32, 32), np.float32), r"\(200, 1, 32, 32\)"),
        (np.zeros((200, 784), np.float32), r"\(200, 784\)"),
        (np.zeros((200, 1, 28, 28), np.uint8), "uint8"),
        (np.full((200, 1, 28, 28), -0.5, np.float32), "from -0.5 to -0.5"),
        (np.full((200, 1, 28, 28), 255, np.float32), "from 255 to 255"),
        (np.full((200, 1, 28, 28), np.nan, np.float32), "from nan to nan"),
        (np.zeros((128, 1, 28, 28), np.float32), "takes at least 129"),
        (np.zeros((0, 1, 28, 28), np.float32), "takes at least 129"),
    ],
)
def test_images_that_cannot_be_scored_are_one_clear_line(reference, images, message):
    with pytest.raises(UserError, match=message) as error:
        evaluate(images, reference)
    assert "\n" not in str(error.value)


def test_labels_must_be_as_many(reference, others):
    with pytest.raises(UserError, match="labels of shape"):
        evaluate(others[0], reference, others[1][:-1])


def test_a_reference_of_another_size_is_one_clear_line(part):
    with pytest.raises(UserError, match=r"\(1, 32, 32\).*reads gray digits"):
        Reference(part(0, 9), part(0, 9).resized(32))


# ---------------------------------------------------------------- drawing


def test_a_run_and_its_checkpoint_draw_the_same_and_training_does_not_notice(backend):
    gan = MLPGAN(Recipe(**SMALL), seed=5, backend=backend)
    before = gan.random.state_dict()
    images, labels = draw(gan, 7)
    assert gan.random.state_dict() == before
    assert labels is None and images.shape == (7, 1, 28, 28) and images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1
    np.testing.assert_array_equal(draw(rebuild(*gan.state(), backend=backend), 7)[0], images)
    assert np.abs(draw(gan, 7, seed=1)[0] - images).max() > 0.01


def test_images_are_the_generators_in_the_unit_range(monkeypatch):
    gan = MLPGAN(Recipe(**SMALL))
    monkeypatch.setattr(evaluation, "BATCH", 3)
    noise = gan.draw_noise(Random(0).fork("evaluation"), 3)
    expected = (gan.sample(noise).numpy() + 1) / 2
    np.testing.assert_allclose(draw(gan, 7)[0][:3], expected, atol=1e-6)
    from_zero = LSGAN(LSRecipe(width=8))  # its black is 0, and its tanh goes below
    assert draw(from_zero, 5)[0].min() == 0


def test_the_average_is_drawn_with_its_own_weights():
    gan = MLPGAN(Recipe(**SMALL))
    gan.keep_average(0.9)
    gan.generator.model[0].weight.array[...] += 1
    assert np.abs(draw(gan, 4)[0] - draw(gan, 4, averaged=True)[0]).max() > 0.01


def test_a_conditional_system_is_asked_for_as_many_of_each():
    gan = ConditionalGAN(ConditionalRecipe(**SMALL))
    images, labels = draw(gan, 30)
    np.testing.assert_array_equal(labels, np.tile(np.arange(10), 3))
    again = gan.sample(gan.draw_noise(Random(0).fork("evaluation"), 30), Tensor(labels))
    np.testing.assert_allclose(images, (again.numpy() + 1) / 2, atol=1e-6)


def test_a_border_is_cut_off_and_other_images_are_refused():
    padded = MLPGAN(Recipe(image_shape=(1, 32, 32), **SMALL))
    whole = padded.sample(padded.draw_noise(Random(0).fork("evaluation"), 2)).numpy()
    np.testing.assert_allclose(draw(padded, 2)[0], (whole[:, :, 2:30, 2:30] + 1) / 2, atol=1e-6)
    for shape in ((3, 28, 28), (1, 64, 64), (1, 28, 20)):
        with pytest.raises(UserError, match="this generator draws"):
            draw(MLPGAN(Recipe(image_shape=shape, **SMALL)), 2)


def test_a_classifier_is_fitted_on_images_drawn_in_parts(reference, monkeypatch):
    class Copier(ConditionalGAN):
        """Draws training images of the digit that is asked for, each part others."""

        def draw_noise(self, source, count):
            return source.integers(1000, count)

        def sample(self, noise, labels=None, *, averaged=None):
            images = [
                reference.train.images[
                    np.resize(np.flatnonzero(reference.train.labels == y), n + 1)[n]
                ]
                for n, y in zip(noise, labels.numpy(), strict=True)
            ]
            return Tensor(np.stack(images).astype(np.float32) / 127.5 - 1)

    gan, stages = Copier(ConditionalRecipe(**SMALL)), []
    monkeypatch.setattr(evaluation, "COUNT", 300)
    few = fitted_error(gan, reference, 20)
    many = fitted_error(gan, reference, 1000, progress=stages.append)
    assert stages == ["1-NN 0", "1-NN 300", "1-NN 600", "1-NN 900"]
    assert many < 0.25 < few < 0.8
    assert fitted_error(gan, reference, 1000) == many != fitted_error(gan, reference, 1000, seed=9)
    with pytest.raises(UserError, match="a gan draws without"):
        fitted_error(MLPGAN(Recipe(**SMALL)), reference, 20)


# ---------------------------------------------------------------- the table and the references


def test_the_table_names_every_score():
    column = Scores(*range(1, 16))
    text = table({"generator": column, "average": column._replace(label_agreement=0.5)})
    lines = text.split("\n")
    assert lines[0].split() == ["generator", "average"]
    assert len(lines) == 1 + len(ROWS) == 1 + len(Scores._fields)
    assert lines[1].split() == ["Fréchet", "distance", "1.00", "1.00", "0", "is", "best"]
    assert lines[-1].split() == ["label", "agreement", "-", "0.500", "1", "is", "best"]
    assert "label agreement" not in table({"generator": column})


def test_reference_samples_have_the_faults_that_they_name(part, monkeypatch):
    monkeypatch.setattr(references, "VALIDATION", 100)
    train = part(0, 1000)
    made = dict(reference_samples(train, 300))
    assert list(made) == list(measured())
    for images in made.values():
        assert images.shape == (300, 1, 28, 28) and images.dtype == np.float32
        assert 0 <= images.min() and images.max() <= 1
    real = made["real images"]
    bytes_of_all = {image.tobytes() for image in evaluation.as_unit(train.images[:900])}
    assert len({image.tobytes() for image in real} & bytes_of_all) == 300
    inner = (real > 0.4) & (real < 0.6)  # where clipping at 0 and 1 is rare
    assert (made["noise of 0.1"] - real)[inner].std() == pytest.approx(0.1, abs=0.01)
    fifty = made["fifty images"]
    assert len({image.tobytes() for image in fifty}) == 50
    np.testing.assert_array_equal(fifty[:50], fifty[250:])
    twin = Reference(train, train)
    digits = {name: twin.judge.look(made[name]).probabilities.argmax(axis=1) for name in made}
    assert (np.bincount(digits["fifty images"], minlength=10) >= 20).all()
    assert (digits["only ones"] == 1).mean() > 0.95
    with pytest.raises(UserError, match="901 training images"):
        list(reference_samples(train, 901))


def test_the_measured_references_are_the_packaged_judges():
    """A new judge needs them measured anew: examples/evaluate.py --references."""
    whole = Reference.mnist()
    _, images = next(reference_samples(whole.train))
    seen = whole.judge.look(images)
    distance = scores.frechet_distance(whole.seen.features, seen.features)
    row = measured()["real images"]
    assert row.frechet_distance == pytest.approx(distance, rel=1e-3)
    assert row.classifier_score == pytest.approx(
        scores.classifier_score(seen.probabilities), rel=1e-4
    )


def test_the_documents_table_is_what_was_measured():
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    for name, row in measured().items():
        line = next(line for line in page.split("\n") if line.startswith(f"| {name} |"))
        cells = line.split("|", 2)[2].replace("−", "-")
        written = [float(number) for number in re.findall(r"-?\d+\.?\d*", cells)]
        shown = row._replace(parzen_sigma=None)._asdict()
        expected = [float(f"{v:{ROWS[k][1]}}") for k, v in shown.items() if v is not None]
        assert written == expected, name
