"""Tests of scores without labels: sets of pictures whose faults are known are found out."""

from dataclasses import replace

import numpy as np
import pytest

from minigan.data import ImageDataset, mnist
from minigan.errors import UserError
from minigan.evaluation.evaluate import as_unit, table
from minigan.evaluation.pictures import PICTURE_ROWS, PictureReference, PictureScores, blurred
from minigan.gans.conditional_gan import ConditionalGAN
from minigan.gans.conditional_gan import Recipe as ConditionalRecipe
from minigan.gans.gan import MLPGAN, Recipe

SMALL = {"generator_widths": (8,), "discriminator_widths": (8,), "latent_dim": 4}


def digits(start, stop, labelled=True):
    whole = mnist("test")
    labels = whole.labels[start:stop] if labelled else None
    return replace(whole, images=whole.images[start:stop], labels=labels)


@pytest.fixture(scope="module")
def reference():
    return PictureReference(digits(0, 120), digits(120, 180))


@pytest.fixture(scope="module")
def columns(reference):
    rows = {name: reference.score(images) for name, images in reference.faulty()}
    return {"real half": reference.real_half(), **rows}


def test_the_real_half_is_what_is_possible(columns):
    real = columns["real half"]
    assert abs(real.kernel_distance) < 0.05 and abs(real.two_sample - 0.5) < 0.12
    assert min(real.precision, real.recall, real.density, real.coverage) > 0.75
    assert real.nearest_picture == 1 and real.copies == pytest.approx(0.05, abs=0.02)
    for name, faulty in columns.items():
        assert faulty.kernel_distance >= real.kernel_distance, name


def test_each_fault_shows_where_it_should(columns):
    assert columns["noise of 0.3"].two_sample_fake > 0.8
    assert columns["noise of 0.3"].kernel_distance > columns["noise of 0.1"].kernel_distance
    assert columns["blurred"].two_sample > 0.7
    assert columns["one class"].recall < 0.6 and columns["one class"].kernel_distance > 0.3
    assert columns["10 pictures"].recall < 0.2 and columns["10 pictures"].coverage < 0.4


def test_copies_are_found(reference, columns):
    assert columns["10 pictures"].copies == 1 and columns["10 pictures"].nearest_picture == 0
    assert columns["noise of 0.1"].copies > 0.5  # a little noise does not make a picture new
    held_out = as_unit(digits(120, 180).images)
    assert np.median(reference.nearest_training_images(held_out)[1]) == pytest.approx(1)
    some = as_unit(digits(0, 9).images)
    pictures, distances = reference.nearest_training_images(some)
    assert (pictures == some).all() and not distances.any()


def test_without_held_out_pictures_the_nearest_other_one_is_usual():
    reference = PictureReference(digits(0, 40))
    assert len(reference.usual) == 40 and reference.usual.min() > 0
    assert reference.real_half().nearest_picture == 1
    assert reference.protocol == (
        "20 drawn pictures beside 20 of 40 real ones, the mean of 5 halvings; 10 features; "
        "copies: beside each training picture's nearest other one"
    )


@pytest.mark.parametrize("count", [8, 9, 20])
def test_few_pictures(count):
    reference = PictureReference(digits(0, count, labelled=False))
    assert reference.count == 5 * (count // 2)
    for _, images in reference.faulty():
        assert np.isfinite(reference.score(images)).all()
    assert np.isfinite(reference.real_half()).all()


def test_too_few_pictures():
    with pytest.raises(UserError, match="has 7 pictures; at least 8 are needed"):
        PictureReference(digits(0, 7))


def test_a_generator_is_asked_for_the_classes_of_the_pictures(monkeypatch):
    asked = []

    class Listening(ConditionalGAN):
        def generate(self, noise, labels=None):
            asked.append(labels.numpy())
            return super().generate(noise, labels)

    labels = np.array([0] * 30 + [1] * 10)
    train = ImageDataset(digits(0, 40).images, labels, "two kinds", ("a", "b"))
    reference = PictureReference(train)
    images = reference.draw(Listening(ConditionalRecipe(classes=2, **SMALL)))
    assert images.shape == (100, 1, 28, 28) and 0 <= images.min() and images.max() <= 1
    shares = np.concatenate(asked)
    assert (shares == labels[reference._halves(second=True)]).all() and 0.1 < shares.mean() < 0.4
    assert isinstance(reference.score(images), PictureScores)


def test_other_shapes_and_counts_are_refused(reference):
    with pytest.raises(UserError, match=r"has pictures of shape \(1, 28, 28\).* draws \(3, 8, 8\)"):
        reference.draw(MLPGAN(Recipe(image_shape=(3, 8, 8), **SMALL)))
    with pytest.raises(UserError, match="300 images are compared here, and these are 3"):
        reference.score(np.zeros((3, 1, 28, 28), np.float32))


def test_blur_keeps_the_mean_and_takes_the_edges():
    images = as_unit(digits(0, 3).images)
    soft = blurred(images)
    assert soft.shape == images.shape and abs(soft.mean() - images.mean()) < 0.01
    assert soft.max() < images.max()


def test_the_table_has_a_row_for_each_score(columns):
    lines = table(columns, PICTURE_ROWS).splitlines()
    assert len(lines) == 1 + len(PictureScores._fields) == 1 + len(PICTURE_ROWS)
    assert "real half" in lines[0] and "10 pictures" in lines[0]
