"""A semi-supervised GAN: LongTensor(n).fill_, Softmax without dim, .data.cpu()."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision.transforms as transforms
from torch.autograd import Variable
from torchvision import datasets
from torchvision.utils import save_image

cuda = True if torch.cuda.is_available() else False
FloatTensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor
LongTensor = torch.cuda.LongTensor if cuda else torch.LongTensor


def weights_init_normal(m):
    if m.__class__.__name__.find("BatchNorm") != -1:
        torch.nn.init.normal_(m.weight.data, 1.0, 0.02)
        torch.nn.init.constant_(m.bias.data, 0.0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.label_emb = nn.Embedding(10, 12)  # it is never called, and stays as it is
        self.l1 = nn.Linear(12, 8 * 4**2)
        self.conv = nn.Sequential(
            nn.BatchNorm2d(8),
            nn.Upsample(scale_factor=4),
            nn.Conv2d(8, 1, 3, stride=1, padding=1),
            nn.Tanh(),
        )

    def forward(self, noise):
        out = self.l1(noise)
        return self.conv(out.view(out.shape[0], 8, 4, 4))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 8, 3, 4, 1), nn.LeakyReLU(0.2, inplace=True), nn.Dropout2d(0.25)
        )
        self.adv_layer = nn.Sequential(nn.Linear(8 * 4**2, 1), nn.Sigmoid())
        self.aux_layer = nn.Sequential(nn.Linear(8 * 4**2, 11), nn.Softmax())

    def forward(self, img):
        out = self.conv(img)
        out = out.view(out.shape[0], -1)
        return self.adv_layer(out), self.aux_layer(out)


adversarial_loss, auxiliary_loss = nn.BCELoss(), nn.CrossEntropyLoss()
generator, discriminator = Generator(), Discriminator()
generator.apply(weights_init_normal)
optimizer_G = torch.optim.Adam(generator.parameters(), lr=0.001, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=0.001, betas=(0.5, 0.999))
dataset = datasets.MNIST(
    "../../data/mnist",
    train=True,
    download=True,
    transform=transforms.Compose(
        [transforms.Resize(16), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
    ),
)
for i, (imgs, labels) in enumerate(torch.utils.data.DataLoader(dataset, 32, shuffle=True)):
    batch_size = imgs.shape[0]
    valid = Variable(FloatTensor(batch_size, 1).fill_(1.0), requires_grad=False)
    fake = Variable(FloatTensor(batch_size, 1).fill_(0.0), requires_grad=False)
    fake_aux_gt = Variable(LongTensor(batch_size).fill_(10), requires_grad=False)
    real_imgs = Variable(imgs.type(FloatTensor))
    labels = Variable(labels.type(LongTensor))
    optimizer_G.zero_grad()
    gen_imgs = generator(Variable(FloatTensor(np.random.normal(0, 1, (batch_size, 12)))))
    validity, _ = discriminator(gen_imgs)
    g_loss = adversarial_loss(validity, valid)
    g_loss.backward()
    optimizer_G.step()
    optimizer_D.zero_grad()
    real_pred, real_aux = discriminator(real_imgs)
    d_real_loss = (adversarial_loss(real_pred, valid) + auxiliary_loss(real_aux, labels)) / 2
    fake_pred, fake_aux = discriminator(gen_imgs.detach())
    d_fake_loss = (adversarial_loss(fake_pred, fake) + auxiliary_loss(fake_aux, fake_aux_gt)) / 2
    d_loss = (d_real_loss + d_fake_loss) / 2
    pred = np.concatenate([real_aux.data.cpu().numpy(), fake_aux.data.cpu().numpy()], axis=0)
    gt = np.concatenate([labels.data.cpu().numpy(), fake_aux_gt.data.cpu().numpy()], axis=0)
    d_acc = np.mean(np.argmax(pred, axis=1) == gt)
    d_loss.backward()
    optimizer_D.step()
    print("[D loss: %f, acc: %d%%] [G loss: %f]" % (d_loss.item(), 100 * d_acc, g_loss.item()))
    save_image(gen_imgs.data[:25], "%d.png" % i, nrow=5, normalize=True)
