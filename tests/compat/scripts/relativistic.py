"""A relativistic average GAN, then one with softmax: logits against means, torch.log, torch.exp."""

import numpy as np
import torch
import torch.nn as nn
import torchvision.transforms as transforms
from torch.autograd import Variable
from torchvision import datasets

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
Tensor = torch.cuda.FloatTensor if torch.cuda.is_available() else torch.FloatTensor


def log(x):
    return torch.log(x + 1e-8)


adversarial_loss = torch.nn.BCEWithLogitsLoss().to(device)
generator = nn.Sequential(nn.Linear(10, 256), nn.Tanh()).to(device)
discriminator = nn.Sequential(nn.Linear(256, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1)).to(device)
optimizer_G = torch.optim.Adam(generator.parameters(), lr=0.001, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=0.001, betas=(0.5, 0.999))
transform = transforms.Compose(
    [transforms.Resize(16), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
)
dataset = datasets.MNIST("data", download=True, transform=transform)
dataloader = torch.utils.data.DataLoader(dataset, batch_size=48, shuffle=True)
for imgs, _ in dataloader:
    valid = Variable(Tensor(imgs.shape[0], 1).fill_(1.0), requires_grad=False)
    fake = Variable(Tensor(imgs.shape[0], 1).fill_(0.0), requires_grad=False)
    real_imgs = Variable(imgs.type(Tensor)).view(imgs.shape[0], -1)
    optimizer_G.zero_grad()
    gen_imgs = generator(Variable(Tensor(np.random.normal(0, 1, (imgs.shape[0], 10)))))
    real_pred, fake_pred = discriminator(real_imgs).detach(), discriminator(gen_imgs)
    g_loss = adversarial_loss(fake_pred - real_pred.mean(0, keepdim=True), valid)
    g_loss.backward()
    optimizer_G.step()
    optimizer_D.zero_grad()
    real_pred, fake_pred = discriminator(real_imgs), discriminator(gen_imgs.detach())
    real_loss = adversarial_loss(real_pred - fake_pred.mean(0, keepdim=True), valid)
    fake_loss = adversarial_loss(fake_pred - real_pred.mean(0, keepdim=True), fake)
    d_loss = (real_loss + fake_loss) / 2
    d_loss.backward()
    optimizer_D.step()
for imgs, _ in dataloader:
    batch_size = imgs.shape[0]
    real_imgs = Variable(imgs.type(Tensor)).view(batch_size, -1)
    for optimizer in (optimizer_D, optimizer_G):
        optimizer.zero_grad()
        gen_imgs = generator(Variable(Tensor(np.random.normal(0, 1, (batch_size, 10)))))
        d_real, d_fake = discriminator(real_imgs), discriminator(gen_imgs)
        Z = torch.sum(torch.exp(-d_real)) + torch.sum(torch.exp(-d_fake))
        if optimizer is optimizer_D:
            loss = 1 / batch_size * torch.sum(d_real) + log(Z)
        else:
            loss = 1 / (batch_size * 2) * (torch.sum(d_real) + torch.sum(d_fake)) + log(Z)
        loss.backward()
        optimizer.step()
