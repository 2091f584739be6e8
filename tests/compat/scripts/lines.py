"""A GAN of numbers in few lines: torch.Tensor of float64, torch.pow, .t(), .data.storage()."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.autograd import Variable


class Net(nn.Module):
    def __init__(self, inputs, hidden, outputs, f):
        super(Net, self).__init__()
        self.map1, self.map2 = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)
        self.map3, self.f = nn.Linear(hidden, outputs), f

    def forward(self, x):
        return self.f(self.map3(torch.tanh(self.map2(F.elu(self.map1(x))))))


def extract(v):
    return v.data.storage().tolist()


def decorate_with_diffs(data, exponent):
    mean = torch.mean(data.data, 1)
    mean_broadcast = torch.mul(torch.ones(data.size()), mean.tolist()[0])
    diffs = torch.pow(data - Variable(mean_broadcast), exponent)
    return torch.cat([data, diffs], 1)


G = Net(1, 5, 1, lambda x: x)
D = Net(40, 5, 1, F.sigmoid)
criterion = nn.BCELoss()
d_optimizer = optim.Adam(D.parameters(), lr=2e-3, betas=(0.9, 0.999))
g_optimizer = optim.Adam(G.parameters(), lr=2e-3, betas=(0.9, 0.999))
for epoch in range(4):
    D.zero_grad()
    real = Variable(torch.Tensor(np.random.normal(4, 1.25, (1, 20))))
    d_real_error = criterion(D(decorate_with_diffs(real, 2.0)), Variable(torch.ones(1, 1)))
    d_real_error.backward()
    fake = G(Variable(torch.rand(20, 1))).detach()
    d_fake_error = criterion(D(decorate_with_diffs(fake.t(), 2.0)), Variable(torch.zeros(1, 1)))
    d_fake_error.backward()
    d_optimizer.step()
    G.zero_grad()
    g_error = criterion(D(decorate_with_diffs(G(torch.rand(20, 1)).t(), 2.0)), torch.ones(1, 1))
    g_error.backward()
    g_optimizer.step()
    print("%s: %s %s" % (epoch, extract(d_real_error)[0], np.mean(extract(real))))
