"""A Wasserstein divergence: a gradient with respect to the pictures, to the sixth power."""

import numpy as np
import torch
import torch.autograd as autograd
import torch.nn as nn
import torchvision.transforms as transforms
from torch.autograd import Variable
from torchvision import datasets

cuda = True if torch.cuda.is_available() else False
Tensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor
k, p = 2, 6
generator = nn.Sequential(nn.Linear(10, 256), nn.Tanh())
discriminator = nn.Sequential(nn.Linear(256, 16), nn.LeakyReLU(0.2, inplace=True), nn.Linear(16, 1))
optimizer_G = torch.optim.Adam(generator.parameters(), lr=0.001, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=0.001, betas=(0.5, 0.999))
transform = transforms.Compose(
    [transforms.Resize(16), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
)
dataset = datasets.MNIST("data", download=True, transform=transform)
for imgs, _ in torch.utils.data.DataLoader(dataset, batch_size=32, shuffle=True):
    real_imgs = Variable(imgs.type(Tensor).view(imgs.size(0), -1), requires_grad=True)
    optimizer_D.zero_grad()
    z = Variable(Tensor(np.random.normal(0, 1, (imgs.shape[0], 10))))
    fake_imgs = generator(z)
    real_validity, fake_validity = discriminator(real_imgs), discriminator(fake_imgs)
    grad_out = Variable(Tensor(real_imgs.size(0), 1).fill_(1.0), requires_grad=False)
    norms = []
    for validity, pictures in ((real_validity, real_imgs), (fake_validity, fake_imgs)):
        grad = autograd.grad(
            validity, pictures, grad_out, create_graph=True, retain_graph=True, only_inputs=True
        )[0]
        norms.append(grad.view(grad.size(0), -1).pow(2).sum(1) ** (p / 2))
    div_gp = torch.mean(norms[0] + norms[1]) * k / 2
    d_loss = -torch.mean(real_validity) + torch.mean(fake_validity) + div_gp
    d_loss.backward()
    optimizer_D.step()
    optimizer_G.zero_grad()
    g_loss = -torch.mean(discriminator(generator(z)))
    g_loss.backward()
    optimizer_G.step()
