"""ResNet-38d: the wide residual network of many weakly supervised works."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...registry import MODELS

# Of each residual stage: its name, number of blocks, output channels.
_STAGES = (
    ('b2', 3, 128),
    ('b3', 3, 256),
    ('b4', 6, 512),
    ('b5', 3, 1024),
    ('b6', 1, 2048),
    ('b7', 1, 4096),
)
# Output stride -> strides of b2 to b7, and dilations of b2 to b7.
_LAYOUTS = {
    8: ((2, 2, 2, 1, 1, 1), (1, 1, 1, 2, 4, 4)),
    16: ((2, 2, 2, 2, 1, 1), (1, 1, 1, 1, 2, 2)),
    32: ((2, 2, 2, 2, 2, 1), (1, 1, 1, 1, 1, 1)),
}


class _Block(nn.Module):
    """Pre-activation residual block: batch norm and ReLU come before each convolution.

    The module names are those of the public weights.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.bn_branch2a = nn.BatchNorm2d(in_channels)
        self.conv_branch1 = None
        if in_channels != out_channels or stride != 1:
            self.conv_branch1 = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def activate(self, x: Tensor) -> Tensor:
        """The normalised and rectified input; also what the stage before gives as a feature."""
        return self.bn_branch2a(x).relu()

    def forward(self, x: Tensor) -> Tensor:
        activated = self.activate(x)
        shortcut = x if self.conv_branch1 is None else self.conv_branch1(activated)
        return shortcut + self.residual(activated)


class _BasicBlock(_Block):
    """Two 3x3 convolutions; the first takes the stride and may have its own dilation."""

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        stride: int,
        first_dilation: int,
        dilation: int,
    ) -> None:
        super().__init__(in_channels, out_channels, stride)
        self.conv_branch2a = nn.Conv2d(
            in_channels, mid_channels, 3, stride, first_dilation, first_dilation, bias=False
        )
        self.bn_branch2b1 = nn.BatchNorm2d(mid_channels)
        self.conv_branch2b1 = nn.Conv2d(
            mid_channels, out_channels, 3, 1, dilation, dilation, bias=False
        )

    def residual(self, activated: Tensor) -> Tensor:
        return self.conv_branch2b1(self.bn_branch2b1(self.conv_branch2a(activated)).relu())


class _BottleneckBlock(_Block):
    """1x1, dilated 3x3 and 1x1 convolution, channel dropout before the latter two."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, dilation: int, dropout: float
    ) -> None:
        super().__init__(in_channels, out_channels, stride)
        quarter, half = out_channels // 4, out_channels // 2
        self.conv_branch2a = nn.Conv2d(in_channels, quarter, 1, stride, bias=False)
        self.bn_branch2b1 = nn.BatchNorm2d(quarter)
        self.dropout_2b1 = nn.Dropout2d(dropout)
        self.conv_branch2b1 = nn.Conv2d(quarter, half, 3, 1, dilation, dilation, bias=False)
        self.bn_branch2b2 = nn.BatchNorm2d(half)
        self.dropout_2b2 = nn.Dropout2d(dropout)
        self.conv_branch2b2 = nn.Conv2d(half, out_channels, 1, bias=False)

    def residual(self, activated: Tensor) -> Tensor:
        x = self.bn_branch2b1(self.conv_branch2a(activated)).relu()
        x = self.bn_branch2b2(self.conv_branch2b1(self.dropout_2b1(x))).relu()
        return self.conv_branch2b2(self.dropout_2b2(x))


@MODELS.register_module()
class ResNet38d(BaseModule):
    """Wide ResNet-38 with dilation, for classification (CAM) and segmentation.

    Source: network A1 of Wu et al., "Wider or Deeper: Revisiting the ResNet Model for Visual
    Recognition", Pattern Recognition 2019, in the dilated form of AffinityNet (Ahn and Kwak, CVPR
    2018). Stages ``b2`` to ``b7`` have 128, 256, 512, 1024, 2048 and 4096 channels. Parameter
    names are AffinityNet's; ``tools/model_converters/resnet38d.py`` turns the public weights into
    a checkpoint for ``init_cfg=dict(type='Pretrained', checkpoint=...)``.

    Args:
        output_stride (int): 8, 16 or 32; dilation replaces the strides left out.
        dropout (Sequence[float]): Channel dropout inside ``b6`` and inside ``b7``.
        out_indices (Sequence[int]): Feature maps to return, 0 (``b2``) to 5 (``b7``).
        frozen_stages (int): 0 trains all, 1 freezes the first convolution, 2 also ``b2``
            (AffinityNet's choice), and so on up to 7.
        norm_frozen (bool): Keep statistics, scales and shifts of all batch norms as loaded, as
            the works on small batches do.
        init_cfg (dict, optional): Initial weights.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        output_stride: int = 8,
        dropout: Sequence[float] = (0.3, 0.5),
        out_indices: Sequence[int] = (5,),
        frozen_stages: int = 2,
        norm_frozen: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if output_stride not in _LAYOUTS:
            raise ValueError(
                f'ResNet38d: output_stride={output_stride}, expected one of {sorted(_LAYOUTS)}.'
            )
        if len(dropout) != 2:
            raise ValueError(f'ResNet38d: dropout={dropout}, expected two values: of b6 and of b7.')
        if not set(out_indices) <= set(range(len(_STAGES))):
            raise ValueError(f'ResNet38d: out_indices={out_indices}, expected some of 0 to 5.')
        if not 0 <= frozen_stages <= len(_STAGES) + 1:
            raise ValueError(f'ResNet38d: frozen_stages={frozen_stages}, expected 0 to 7.')
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_frozen = norm_frozen

        self.conv1a = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.stages = []  # names of the blocks of each stage
        strides, dilations = _LAYOUTS[output_stride]
        in_channels = 64
        previous_dilation = 1
        for index, (name, num_blocks, channels) in enumerate(_STAGES):
            block_names = [name] + [f'{name}_{number}' for number in range(1, num_blocks)]
            for number, block_name in enumerate(block_names):
                stride = strides[index] if number == 0 else 1
                if name in ('b6', 'b7'):
                    block = _BottleneckBlock(
                        in_channels,
                        channels,
                        stride,
                        dilations[index],
                        dropout[('b6', 'b7').index(name)],
                    )
                else:
                    # The first convolution of a stage still sees the grid of the stage before.
                    first_dilation = previous_dilation if number == 0 else dilations[index]
                    mid_channels = 512 if name == 'b5' else channels
                    block = _BasicBlock(
                        in_channels,
                        mid_channels,
                        channels,
                        stride,
                        first_dilation,
                        dilations[index],
                    )
                self.add_module(block_name, block)
                in_channels = channels
            previous_dilation = dilations[index]
            self.stages.append(block_names)
        self.bn7 = nn.BatchNorm2d(in_channels)
        self._freeze()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Extract features.

        Args:
            x (Tensor): Normalised images, (B, 3, H, W).

        Returns:
            tuple[Tensor]: The feature maps of ``out_indices``, each after batch norm and ReLU;
            the last stage's is (B, 4096, ceil(H / output_stride), ceil(W / output_stride)).
        """
        x = self.conv1a(x)
        outputs = []
        for index, block_names in enumerate(self.stages):
            for block_name in block_names:
                x = getattr(self, block_name)(x)
            if index in self.out_indices:
                outputs.append(self._feature(index, x))
            if index == max(self.out_indices):
                break
        return tuple(outputs)

    def _feature(self, index: int, x: Tensor) -> Tensor:
        if index + 1 < len(self.stages):
            return getattr(self, self.stages[index + 1][0]).activate(x)
        return self.bn7(x).relu()

    def train(self, mode: bool = True) -> ResNet38d:
        """Set the mode; frozen batch norms and stages stay in evaluation mode."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        frozen = [self.conv1a] if self.frozen_stages else []
        for block_names in self.stages[: max(self.frozen_stages - 1, 0)]:
            frozen += [getattr(self, block_name) for block_name in block_names]
        if self.norm_frozen:
            frozen += [module for module in self.modules() if isinstance(module, _BatchNorm)]
        for module in frozen:
            module.eval()
            for parameter in module.parameters():
                parameter.requires_grad_(False)
