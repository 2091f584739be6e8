"""A class that trains a critic out of an endless loader: backward(one), .mul().add()."""

import time as t

import torch
import torch.nn as nn
from torch import autograd
from torch.autograd import Variable
from torchvision import datasets, transforms, utils


class Critic(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.main_module = nn.Sequential(
            nn.Conv2d(in_channels=channels, out_channels=4, kernel_size=4, stride=2, padding=1),
            nn.InstanceNorm2d(4, affine=True),
            nn.LeakyReLU(0.2, inplace=True),
        )
        self.output = nn.Sequential(nn.Conv2d(4, out_channels=1, kernel_size=8))

    def forward(self, x):
        return self.output(self.main_module(x))


class WGAN(object):
    def __init__(self):
        self.G = nn.Sequential(
            nn.ConvTranspose2d(in_channels=10, out_channels=4, kernel_size=8, stride=1, padding=0),
            nn.BatchNorm2d(num_features=4),
            nn.ReLU(True),
            nn.ConvTranspose2d(4, 1, kernel_size=4, stride=2, padding=1),
            nn.Tanh(),
        )
        self.D = Critic(1)
        self.d_optimizer = torch.optim.RMSprop(self.D.parameters(), lr=0.0005)
        self.g_optimizer = torch.optim.RMSprop(self.G.parameters(), lr=0.0005)

    def get_infinite_batches(self, data_loader):
        while True:
            for images, _ in data_loader:
                yield images

    def calculate_gradient_penalty(self, real_images, fake_images):
        eta = torch.FloatTensor(len(real_images), 1, 1, 1).uniform_(0, 1)
        eta = eta.expand(len(real_images), *(real_images.size(i) for i in (1, 2, 3)))
        interpolated = Variable(eta * real_images + ((1 - eta) * fake_images), requires_grad=True)
        output = self.D(interpolated)
        gradients = autograd.grad(
            outputs=output,
            inputs=interpolated,
            grad_outputs=torch.ones(output.size()),
            create_graph=True,
            retain_graph=True,
        )[0]
        return ((gradients.norm(2, dim=1) - 1) ** 2).mean() * 10

    def train(self, train_loader):
        begin, data = t.time(), self.get_infinite_batches(train_loader)
        one = torch.tensor(1, dtype=torch.float)
        mone = one * -1
        for _ in range(2):
            for p in self.D.parameters():
                p.requires_grad = True
            for _ in range(2):
                self.D.zero_grad()
                for p in self.D.parameters():
                    p.data.clamp_(-0.2, 0.2)
                images = Variable(data.__next__())
                d_loss_real = self.D(images).mean()
                d_loss_real.backward(mone)
                fake_images = self.G(Variable(torch.randn(images.size()[0], 10, 1, 1)))
                d_loss_fake = self.D(fake_images).mean(0).view(1)
                d_loss_fake.backward(torch.FloatTensor([1]))
                penalty = self.calculate_gradient_penalty(images.data, fake_images.data)
                penalty.backward()
                self.d_optimizer.step()
            for p in self.D.parameters():
                p.requires_grad = False
            self.G.zero_grad()
            g_loss = self.D(self.G(torch.randn(32, 10, 1, 1))).mean()
            g_loss.backward(mone)
            self.g_optimizer.step()
            print(f"{g_loss.data:.3f} {d_loss_fake.data} {t.time() - begin}")
        samples = self.G(torch.randn(64, 10, 1, 1)).mul(0.5).add(0.5).data.cpu()[:16]
        utils.save_image(utils.make_grid(samples), "{}.png".format(str(2).zfill(3)))
        torch.save(self.D.state_dict(), "./discriminator.pkl")
        self.D.load_state_dict(torch.load("./discriminator.pkl"))


transform = transforms.Compose(
    [transforms.Resize(16), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]
)
dataset = datasets.MNIST(root="data", train=True, download="False", transform=transform)
WGAN().train(torch.utils.data.DataLoader(dataset, batch_size=32, shuffle=True))
