"""An InfoGAN: one-hot codes, and a third optimizer for the weights of both networks."""

import itertools

import numpy as np
import torch
import torch.nn as nn
import torchvision.transforms as transforms
from torch.autograd import Variable
from torchvision import datasets
from torchvision.utils import save_image

cuda = True if torch.cuda.is_available() else False
FloatTensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor
LongTensor = torch.cuda.LongTensor if cuda else torch.LongTensor


def to_categorical(y, num_columns):
    y_cat = np.zeros((y.shape[0], num_columns))
    y_cat[range(y.shape[0]), y] = 1.0
    return Variable(FloatTensor(y_cat))


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(8 + 10 + 2, 24), nn.ReLU(), nn.Linear(24, 256))

    def forward(self, noise, labels, code):
        return torch.tanh(self.model(torch.cat((noise, labels, code), -1))).view(-1, 1, 16, 16)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(256, 24), nn.LeakyReLU(0.2))
        self.adv_layer = nn.Sequential(nn.Linear(24, 1))
        self.aux_layer = nn.Sequential(nn.Linear(24, 10), nn.Softmax(dim=1))
        self.latent_layer = nn.Sequential(nn.Linear(24, 2))

    def forward(self, img):
        out = self.body(img)
        return self.adv_layer(out), self.aux_layer(out), self.latent_layer(out)


adversarial_loss = torch.nn.MSELoss()
categorical_loss = torch.nn.CrossEntropyLoss()
continuous_loss = torch.nn.MSELoss()
generator, discriminator = Generator(), Discriminator()
both = itertools.chain(generator.parameters(), discriminator.parameters())
optimizer_G = torch.optim.Adam(generator.parameters(), lr=0.001, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=0.001, betas=(0.5, 0.999))
optimizer_info = torch.optim.Adam(both, lr=0.001, betas=(0.5, 0.999))
static_z = Variable(FloatTensor(np.zeros((100, 8))))
static_label = to_categorical(np.array([n for _ in range(10) for n in range(10)]), num_columns=10)
dataset = datasets.MNIST(
    "data",
    download=True,
    transform=transforms.Compose(
        [transforms.Resize(16), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
    ),
)
for i, (imgs, labels) in enumerate(torch.utils.data.DataLoader(dataset, 32, shuffle=True)):
    batch_size = imgs.shape[0]
    valid = Variable(FloatTensor(batch_size, 1).fill_(1.0), requires_grad=False)
    fake = Variable(FloatTensor(batch_size, 1).fill_(0.0), requires_grad=False)
    real_imgs = Variable(imgs.type(FloatTensor))
    labels = to_categorical(labels.numpy(), num_columns=10)

    optimizer_G.zero_grad()
    z = Variable(FloatTensor(np.random.normal(0, 1, (batch_size, 8))))
    code_input = Variable(FloatTensor(np.random.uniform(-1, 1, (batch_size, 2))))
    gen_imgs = generator(z, labels, code_input)
    validity, _, _ = discriminator(gen_imgs)
    g_loss = adversarial_loss(validity, valid)
    g_loss.backward()
    optimizer_G.step()

    optimizer_D.zero_grad()
    real_pred, _, _ = discriminator(real_imgs)
    fake_pred, _, _ = discriminator(gen_imgs.detach())
    d_loss = (adversarial_loss(real_pred, valid) + adversarial_loss(fake_pred, fake)) / 2
    d_loss.backward()
    optimizer_D.step()

    optimizer_info.zero_grad()
    sampled_labels = np.random.randint(0, 10, batch_size)
    gt_labels = Variable(LongTensor(sampled_labels), requires_grad=False)
    label_input = to_categorical(sampled_labels, num_columns=10)
    gen_imgs = generator(z, label_input, code_input)
    _, pred_label, pred_code = discriminator(gen_imgs)
    info_loss = 1 * categorical_loss(pred_label, gt_labels) + 0.1 * continuous_loss(
        pred_code, code_input
    )
    info_loss.backward()
    optimizer_info.step()

c_varied = np.repeat(np.linspace(-1, 1, 10)[:, np.newaxis], 10, 0)
c1 = Variable(FloatTensor(np.concatenate((c_varied, np.zeros((100, 1))), -1)))
save_image(generator(static_z, static_label, c1).data, "c1.png", nrow=10, normalize=True)
