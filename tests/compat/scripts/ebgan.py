"""An energy-based GAN: an autoencoder judges, matmul with a transpose, a loss that is added to."""

import numpy as np
import torch
import torch.nn as nn
import torchvision.transforms as transforms
from torch.autograd import Variable
from torchvision import datasets

cuda = True if torch.cuda.is_available() else False
Tensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor


class Discriminator(nn.Module):
    def __init__(self):
        super(Discriminator, self).__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU())
        self.embedding = nn.Linear(4 * 8**2, 6)
        self.fc = nn.Sequential(
            nn.BatchNorm1d(6, 0.8), nn.ReLU(inplace=True), nn.Linear(6, 4 * 8**2)
        )
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(4, 1, 3, 1, 1))

    def forward(self, img):
        out = self.down(img)
        embedding = self.embedding(out.view(out.size(0), -1))
        out = self.fc(embedding)
        return self.up(out.view(out.size(0), 4, 8, 8)), embedding


def pullaway_loss(embeddings):
    norm = torch.sqrt(torch.sum(embeddings**2, -1, keepdim=True))
    normalized_emb = embeddings / norm
    similarity = torch.matmul(normalized_emb, normalized_emb.transpose(1, 0))
    batch_size = embeddings.size(0)
    return (torch.sum(similarity) - batch_size) / (batch_size * (batch_size - 1))


pixelwise_loss = nn.MSELoss()
generator = nn.Sequential(nn.Linear(10, 256), nn.Tanh())
discriminator = Discriminator()
if cuda:
    generator.cuda()
    discriminator.cuda()
    pixelwise_loss.cuda()
optimizer_G = torch.optim.Adam(generator.parameters(), lr=0.001, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=0.001, betas=(0.5, 0.999))
margin = max(1, 32 / 64.0)
transform = transforms.Compose(
    [transforms.Resize(16), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
)
dataset = datasets.MNIST("data", train=True, download=True, transform=transform)
for imgs, _ in torch.utils.data.DataLoader(dataset, batch_size=32, shuffle=True):
    real_imgs = Variable(imgs.type(Tensor))
    optimizer_G.zero_grad()
    z = Variable(Tensor(np.random.normal(0, 1, (imgs.shape[0], 10))))
    gen_imgs = generator(z).view(-1, 1, 16, 16)
    recon_imgs, img_embeddings = discriminator(gen_imgs)
    g_loss = pixelwise_loss(recon_imgs, gen_imgs.detach()) + 0.1 * pullaway_loss(img_embeddings)
    g_loss.backward()
    optimizer_G.step()
    optimizer_D.zero_grad()
    real_recon, _ = discriminator(real_imgs)
    fake_recon, _ = discriminator(gen_imgs.detach())
    d_loss_fake = pixelwise_loss(fake_recon, gen_imgs.detach())
    d_loss = pixelwise_loss(real_recon, real_imgs)
    if (margin - d_loss_fake.data).item() > 0:
        d_loss += margin - d_loss_fake
    d_loss.backward()
    optimizer_D.step()
