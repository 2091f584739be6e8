"""Tests of compat's data: transforms, data sets, loaders, and pictures that are written."""

import numpy as np
import pytest
import torch
from PIL import Image

import minigan
import minigan.compat.torch as compat
from minigan.compat.torch.utils.data import DataLoader, Dataset, TensorDataset, random_split
from minigan.compat.torchsummary import summary
from minigan.compat.torchvision import datasets, transforms, utils
from minigan.errors import UserError


def picture(height=4, width=6, mode="RGB"):
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    numbers = np.random.default_rng(0).integers(0, 256, shape)
    return Image.fromarray(numbers.astype(np.uint8))


# ---- transforms ---------------------------------------------------------------------------------


def test_a_picture_becomes_a_tensor_and_a_picture_again():
    photo = picture()
    x = transforms.ToTensor()(photo)
    assert x.shape == (3, 4, 6) and x.dtype == np.float32
    np.testing.assert_array_equal(x.numpy(), np.asarray(photo).transpose(2, 0, 1) / np.float32(255))
    assert np.array_equal(np.asarray(transforms.ToPILImage()(x)), np.asarray(photo))
    assert transforms.ToTensor()(picture(mode="L")).shape == (1, 4, 6)


def test_normalize():
    x = minigan.tensor(np.full((2, 2, 2), 0.75, np.float32))
    y = transforms.Normalize([0.5, 0.25], [0.5, 0.25])(x)
    assert y[0].tolist() == [[0.5] * 2] * 2 and y[1].tolist() == [[2] * 2] * 2
    gray = transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))(x[:1])
    assert gray.shape == (1, 2, 2) and gray[0].tolist() == [[0.5] * 2] * 2
    with pytest.raises(ValueError, match="has 3 means and 3 stds for 1 channels"):
        transforms.Normalize((0.4, 0.5, 0.6), (0.5, 0.5, 0.5))(x[:1])
    with pytest.raises(ValueError, match="has 3 means and 3 stds for 2 channels"):
        transforms.Normalize([0.5] * 3, [0.5] * 3)(x)
    with pytest.raises(TypeError, match="put ToTensor before it"):
        transforms.Normalize([0.5], [0.5])(picture())


@pytest.mark.parametrize(
    ("transform", "size"),
    [
        (transforms.Resize((3, 5)), (3, 5)),
        (transforms.Resize(2), (2, 3)),  # the shorter side
        (transforms.CenterCrop(2), (2, 2)),
        (transforms.CenterCrop((8, 2)), (8, 2)),
        (transforms.Compose([transforms.Resize(8), transforms.CenterCrop(8)]), (8, 8)),
    ],
)
def test_sizes(transform, size):
    changed = transform(picture())
    assert (changed.height, changed.width) == size


def test_what_is_cropped_is_the_middle():
    photo = picture(6, 6)
    middle = np.asarray(transforms.CenterCrop(2)(photo))
    np.testing.assert_array_equal(middle, np.asarray(photo)[2:4, 2:4])
    wide = np.asarray(transforms.CenterCrop(8)(photo))
    np.testing.assert_array_equal(wide[1:7, 1:7], np.asarray(photo))
    assert not wide[0].any() and not wide[:, 7].any()


def test_flips_and_grays():
    photo = picture()
    always, never = transforms.RandomHorizontalFlip(1.0), transforms.RandomHorizontalFlip(0.0)
    np.testing.assert_array_equal(np.asarray(always(photo)), np.asarray(photo)[:, ::-1])
    assert never(photo) is photo
    assert transforms.Grayscale()(photo).mode == "L"
    three = np.asarray(transforms.Grayscale(3)(photo))
    assert (three[:, :, 0] == three[:, :, 2]).all()
    assert transforms.Lambda(lambda x: x.size)(photo) == (6, 4)


# ---- data sets ----------------------------------------------------------------------------------


def test_mnist_is_in_the_package(tmp_path):
    digits = datasets.MNIST(tmp_path, train=False, download=True, transform=transforms.ToTensor())
    x, label = digits[0]
    assert len(digits) == 10_000 and x.shape == (1, 28, 28) and label == 7
    assert digits.data.shape == (10_000, 28, 28) and digits.targets[0].item() == 7


def test_classes_are_folders(tmp_path):
    for name, count in (("cats", 2), ("ants", 1)):
        (tmp_path / name).mkdir()
        for number in range(count):
            picture().save(tmp_path / name / f"{number}.png")
    (tmp_path / "cats" / "notes.txt").write_text("no picture")
    found = datasets.ImageFolder(tmp_path, transform=transforms.ToTensor())
    assert found.classes == ["ants", "cats"] and found.targets == [0, 1, 1]
    assert found[2][0].shape == (3, 4, 6) and found[2][1] == 1
    with pytest.raises(UserError, match="holds no pictures in folders of their own"):
        datasets.ImageFolder(tmp_path / "cats")
    (tmp_path / "bees").mkdir()
    (tmp_path / "bees" / "0.mpo").write_bytes((tmp_path / "ants" / "0.png").read_bytes())
    with pytest.raises(UserError, match=r"bees holds no pictures, whose .*; .* is_valid_file"):
        datasets.ImageFolder(tmp_path)
    found = datasets.ImageFolder(tmp_path, is_valid_file=lambda path: not path.endswith(".txt"))
    assert found.targets == [0, 1, 2, 2]


def test_nothing_is_downloaded(tmp_path):
    with pytest.raises(UserError, match="minigan downloads nothing: put there"):
        datasets.FashionMNIST(tmp_path, download=True)
    with pytest.raises(AttributeError, match="CelebA: unpack it into a folder"):
        _ = datasets.CelebA


# ---- loaders ------------------------------------------------------------------------------------


class Squares(Dataset):
    def __getitem__(self, i):
        return {"n": i, "half": i / 2, "name": str(i), "x": minigan.tensor([float(i)])}

    def __len__(self):
        return 5


def test_batches_are_put_together_as_torch_does():
    class Theirs(torch.utils.data.Dataset):
        def __getitem__(self, i):
            return {**Squares()[i], "x": torch.tensor([float(i)])}

        def __len__(self):
            return 5

    ours = list(DataLoader(Squares(), batch_size=2))
    theirs = list(torch.utils.data.DataLoader(Theirs(), batch_size=2))
    assert len(ours) == len(theirs) == 3
    for a, b in zip(ours, theirs, strict=True):
        assert a["name"] == b["name"]
        for key in ("n", "half", "x"):
            assert a[key].tolist() == b[key].tolist()
            assert str(a[key].dtype) == str(b[key].dtype).removeprefix("torch.")


def test_a_shuffled_epoch_has_every_item_once():
    minigan.manual_seed(3)
    loader = DataLoader(Squares(), 2, shuffle=True, drop_last=True, num_workers=4)
    assert len(loader) == 2 and len(list(loader)) == 2
    whole = DataLoader(Squares(), 2, shuffle=True)
    epochs = [[n for batch in whole for n in batch["n"].tolist()] for _ in range(3)]
    assert all(sorted(epoch) == list(range(5)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1  # each in an order of its own


def test_tensors_of_one_length_and_their_parts():
    numbers = TensorDataset(minigan.arange(6), minigan.arange(6) * 2)
    assert [x.item() for x in numbers[2]] == [2, 4]
    parts = random_split(numbers, [4, 2])
    found = sorted(part[i][0].item() for part in parts for i in range(len(part)))
    assert found == list(range(6)) and [len(part) for part in parts] == [4, 2]
    with pytest.raises(ValueError, match=r"do not add up to the 6 items"):
        random_split(numbers, [4, 4])
    with pytest.raises(ValueError, match="one length"):
        TensorDataset(minigan.arange(3), minigan.arange(4))


# ---- what is written ----------------------------------------------------------------------------


def test_the_pixels_of_a_saved_grid(tmp_path):
    images = minigan.tensor(np.array([0.0, 0.5, 1.0, 2.0], np.float32)).view(4, 1, 1, 1)
    utils.save_image(images, tmp_path / "grid.png", nrow=2, padding=1)
    pixels = np.asarray(Image.open(tmp_path / "grid.png"))
    assert pixels.shape == (5, 5, 3)
    assert pixels[1::2, 1::2, 0].tolist() == [[0, 128], [255, 255]]  # cut off at 1
    utils.save_image(images, tmp_path / "grid.png", nrow=4, padding=0, normalize=True)
    assert np.asarray(Image.open(tmp_path / "grid.png"))[0, :, 0].tolist() == [0, 64, 128, 255]


def test_a_summary_is_printed(capsys):
    summary(compat.nn.Sequential(compat.nn.Linear(3, 2)), (3,))
    assert "(N, 2)" in capsys.readouterr().out


def test_losses_for_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX")
    from minigan.compat.torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", minigan.tensor(0.5), 1)
    assert [path.name for path in tmp_path.iterdir()][0].startswith("events")
