"""PyTorch. Options: channels-last, inplace (relu), compile."""

import itertools

import numpy as np
import torch
import workload
from torch import nn


class Block(nn.Module):
    def __init__(self, main: nn.Module, shortcut: nn.Module, inplace: bool):
        super().__init__()
        self.main, self.shortcut, self.relu = main, shortcut, nn.ReLU(inplace=inplace)

    def forward(self, x):
        return self.relu(self.main(x) + self.shortcut(x))


class Builder:
    """Turns layers into modules, tracking the shape (channels, height, width) or (features,)."""

    def __init__(self, input_shape: tuple, inplace: bool):
        *size, channels = input_shape
        self.shape = (channels, *size)
        self.inplace = inplace
        self.kernels = workload.Kernels()

    def build(self, layers: tuple) -> nn.Sequential:
        return nn.Sequential(*itertools.chain.from_iterable(map(self.layer, layers)))

    def layer(self, layer) -> list:
        match layer:
            case workload.Conv():
                return self.conv(layer)
            case workload.Dense():
                return self.dense(layer)
            case workload.Dropout():
                return [nn.Dropout(layer.rate)]
            case workload.MaxPool():
                channels, height, width = self.shape
                self.shape = (channels, height // 2, width // 2)
                return [nn.MaxPool2d(2)]
            case workload.AveragePool():
                size = self.shape[1:]
                self.shape = (self.shape[0], 1, 1)
                return [nn.AvgPool2d(size)]
            case workload.Flatten():
                return [nn.Flatten()]
            case workload.BatchNorm():
                return [nn.BatchNorm2d(self.shape[0], eps=1e-3, momentum=0.01),
                        *self.relu(layer.relu)]
            case workload.Residual():
                shape = self.shape
                main = self.build(layer.main)
                after, self.shape = self.shape, shape
                shortcut = self.build(layer.shortcut) if layer.shortcut else nn.Identity()
                self.shape = after
                return [Block(main, shortcut, self.inplace)]
        raise TypeError(layer)

    def relu(self, wanted: bool) -> list:
        return [nn.ReLU(inplace=self.inplace)] if wanted else []

    def conv(self, layer: workload.Conv) -> list:
        channels, height, width = self.shape
        # Where strides are 2, Keras pads at the end only; PyTorch would need a pass for that, which
        # nobody adds to its nets: the same arithmetic, shifted by a pixel.
        padding = layer.size // 2 if layer.same else 0
        module = nn.Conv2d(channels, layer.filters, layer.size, layer.strides, padding,
                           bias=layer.bias)
        kernel = self.kernels.draw((layer.size, layer.size, channels, layer.filters))
        self.set(module, kernel.transpose(3, 2, 0, 1))
        self.shape = (layer.filters,
                      *((extent + 2 * padding - layer.size) // layer.strides + 1
                        for extent in (height, width)))
        return [module, *self.relu(layer.relu)]

    def dense(self, layer: workload.Dense) -> list:
        features = int(np.prod(self.shape))
        kernel = self.kernels.draw((features, layer.units))
        if len(self.shape) == 3:  # Keras flattens (height, width, channels)
            channels, height, width = self.shape
            kernel = kernel.reshape(height, width, channels, layer.units)
            kernel = kernel.transpose(2, 0, 1, 3).reshape(features, layer.units)
        module = nn.Linear(features, layer.units)
        self.set(module, kernel.T)
        self.shape = (layer.units,)
        return [module, *self.relu(layer.relu)]

    @staticmethod
    def set(module: nn.Module, kernel: np.ndarray) -> None:
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
            if module.bias is not None:
                module.bias.zero_()


# RMSprop's epsilon stands under the root in Keras and outside of it in PyTorch: its root, then.
OPTIMIZERS = {
    "rmsprop": lambda p, o: torch.optim.RMSprop(p, lr=o.learning_rate, alpha=o.rho,
                                                eps=o.epsilon ** 0.5),
    "adadelta": lambda p, o: torch.optim.Adadelta(p, lr=o.learning_rate, rho=o.rho, eps=o.epsilon),
}


class Peer:
    def __init__(self, threads: int, options: list):
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch.manual_seed(1)
        self.options = options
        if "compile" in options:
            # Inference folds weights in and lays them out as its kernels like them.
            torch._inductor.config.freezing = True

    def version(self) -> str:
        return f"PyTorch {torch.__version__}"

    def prepare(self, model, training, x, y, batch) -> None:
        torch._dynamo.reset()
        memory = (torch.channels_last if model.has_images and "channels-last" in self.options
                  else torch.contiguous_format)
        self.net = Builder(model.input_shape, "inplace" in self.options).build(model.layers)
        self.net.to(memory_format=memory).train(training)
        images = torch.from_numpy(x)
        if model.has_images:
            images = images.permute(0, 3, 1, 2)
        self.x = [part.contiguous(memory_format=memory) for part in images.split(batch)]
        self.y = list(torch.from_numpy(y).split(batch))
        self.place = 0
        optimizer = OPTIMIZERS[model.optimizer.name](self.net.parameters(), model.optimizer)
        loss_function = nn.CrossEntropyLoss()
        net = self.net

        def loss_of(x, y):
            return loss_function(net(x), y)

        def predict(x):
            return torch.softmax(net(x), 1)

        update = optimizer.step
        if "compile" in self.options:
            loss_of = torch.compile(loss_of, dynamic=False)
            predict = torch.compile(predict, dynamic=False)
            update = torch.compile(update, dynamic=False)

        def train(x, y):
            loss = loss_of(x, y)
            loss.backward()
            update()
            optimizer.zero_grad(set_to_none=True)
            return loss.detach()

        self.train, self.predict = train, predict

    def parameters(self) -> int:
        buffers = [b for name, b in self.net.named_buffers() if "num_batches" not in name]
        return sum(p.numel() for p in [*self.net.parameters(), *buffers])

    def outputs(self) -> np.ndarray:
        training = self.net.training
        self.net.eval()
        with torch.inference_mode():
            result = torch.softmax(self.net(self.x[0][:2]), 1).numpy()
        self.net.train(training)
        return result

    def learn(self, epochs: int) -> list:
        return [float(torch.stack([self.train(x, y) for x, y in zip(self.x, self.y)]).mean())
                for _ in range(epochs)]

    def run(self, steps: int) -> None:
        if self.net.training:
            for place in self.places(steps):
                self.train(self.x[place], self.y[place])
        else:
            # Freezing wants no_grad; eager is a little faster in inference_mode.
            guard = torch.no_grad if "compile" in self.options else torch.inference_mode
            with guard():
                for place in self.places(steps):
                    self.predict(self.x[place])

    def places(self, steps: int):
        for _ in range(steps):
            yield self.place
            self.place = (self.place + 1) % len(self.x)
