"""The operators of ONNX: one table that says, for each name, everything the reader does with it.

Source: the ONNX operator specification, https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convcalc.readers.onnx.ops import (
    constants,
    elementwise,
    folds,
    norms,
    positions,
    products,
    quantization,
    resizing,
    shapes,
    windows,
)
from convcalc.readers.onnx.ops.elementwise import activation, arithmetic, constant_arithmetic
from convcalc.readers.onnx.ops.folds import Fold, on_one
from convcalc.readers.onnx.ops.node import MakeLayers, Rearrange
from convcalc.readers.onnx.ops.reductions import arg_reduce, global_pool, reduce
from convcalc.readers.onnx.ops.shapes import reshape, reshape_constant


@dataclass(frozen=True, slots=True)
class Op:
    """How the reader treats an operator.

    - `layers` adds its layers to the network.
    - `fold` computes its outputs if all inputs are small known arrays.
    - `rearrange` makes a new constant from its first input, if that is learned or large.
    - `weights` are the numbers of the inputs that are weights of the layer.
    - `same_array`: the output of `fold` is still the same array of the file, so that it counts once.
    - `unlearned`: the output is not learned even if an input is; exporters write masks into arrays.
    """

    layers: MakeLayers | None = None
    fold: Fold | None = None
    rearrange: Rearrange | None = None
    weights: tuple[int, ...] = ()
    same_array: bool = False
    unlearned: bool = False


def weight_inputs(op: str) -> tuple[int, ...]:
    """The numbers of an operator's inputs that are weights."""
    return OPS[op].weights if op in OPS else ()


OPS: dict[str, Op] = {
    # windows
    "Conv": Op(windows.conv, weights=(1, 2)),
    "ConvTranspose": Op(windows.conv_transpose, weights=(1, 2)),
    "MaxPool": Op(windows.pool("max", "max_pool")),
    "AveragePool": Op(windows.pool("avg", "avg_pool")),
    "LpPool": Op(windows.pool("lp", "lp_pool")),
    # reductions
    "GlobalAveragePool": Op(global_pool("mean", "global_avg_pool")),
    "GlobalMaxPool": Op(global_pool("max", "global_max_pool")),
    "GlobalLpPool": Op(global_pool("lp", "global_lp_pool")),
    "ReduceMean": Op(reduce("mean")),
    "ReduceMax": Op(reduce("max"), folds.reduced(np.max)),
    "ReduceMin": Op(reduce("min"), folds.reduced(np.min)),
    "ReduceSum": Op(reduce("sum"), folds.reduced(np.sum)),
    "ReduceProd": Op(reduce("prod"), folds.reduced(np.prod)),
    "ReduceL1": Op(reduce("l1")),
    "ReduceL2": Op(reduce("l2")),
    "ReduceLogSum": Op(reduce("log_sum")),
    "ReduceLogSumExp": Op(reduce("log_sum_exp")),
    "ReduceSumSquare": Op(reduce("sum_square")),
    "ArgMax": Op(arg_reduce("arg_max")),
    "ArgMin": Op(arg_reduce("arg_min")),
    # products
    "Gemm": Op(products.gemm, weights=(1, 2)),
    "MatMul": Op(products.matmul, weights=(1,)),
    "Einsum": Op(products.einsum),
    # understood as far as their weights
    "QLinearConv": Op(weights=(3, 8)),
    "QLinearMatMul": Op(weights=(3,)),
    "ConvInteger": Op(weights=(1,)),
    "MatMulInteger": Op(weights=(1,)),
    "LSTM": Op(weights=(1, 2, 3, 7)),
    "GRU": Op(weights=(1, 2, 3)),
    "RNN": Op(weights=(1, 2, 3)),
    # norms
    "BatchNormalization": Op(norms.batch_norm, weights=(1, 2, 3, 4)),
    "InstanceNormalization": Op(norms.instance_norm, weights=(1, 2)),
    "LayerNormalization": Op(norms.layer_norm("layer_norm"), weights=(1, 2)),
    "RMSNormalization": Op(norms.layer_norm("rms_norm")),
    "GroupNormalization": Op(norms.group_norm, weights=(1, 2)),
    "LRN": Op(norms.local_response_norm),
    "LpNormalization": Op(norms.lp_norm),
    "MeanVarianceNormalization": Op(norms.mean_variance_norm),
    "Softmax": Op(norms.softmax(log=False)),
    "LogSoftmax": Op(norms.softmax(log=True)),
    # element by element, one input
    "Identity": Op(activation("identity"), on_one(folds.unchanged), elementwise.same_constant, same_array=True),
    "Dropout": Op(activation("dropout"), on_one(folds.unchanged), elementwise.same_constant),
    "Cast": Op(elementwise.cast, folds.cast, elementwise.cast_constant, same_array=True),
    "CastLike": Op(elementwise.cast_like, folds.cast_like, elementwise.cast_constant_like),
    "QuantizeLinear": Op(quantization.quantize("quantize"), rearrange=quantization.quantized_constant),
    "DequantizeLinear": Op(quantization.quantize("dequantize"), rearrange=quantization.dequantized_constant),
    "Neg": Op(activation("negative"), on_one(np.negative)),
    "Abs": Op(activation("abs"), on_one(np.abs)),
    "Sign": Op(activation("sign"), on_one(np.sign)),
    "Floor": Op(activation("floor"), on_one(np.floor)),
    "Ceil": Op(activation("ceil"), on_one(np.ceil)),
    "Round": Op(activation("round"), on_one(np.rint)),
    "Sqrt": Op(activation("sqrt"), on_one(np.sqrt)),
    "Exp": Op(activation("exp"), on_one(np.exp)),
    "Log": Op(activation("log"), on_one(np.log)),
    "Reciprocal": Op(activation("reciprocal"), on_one(folds.reciprocal)),
    "Sin": Op(activation("sin"), on_one(np.sin)),
    "Cos": Op(activation("cos"), on_one(np.cos)),
    "Tan": Op(activation("tan")),
    "Asin": Op(activation("asin")),
    "Acos": Op(activation("acos")),
    "Atan": Op(activation("atan")),
    "Sinh": Op(activation("sinh")),
    "Cosh": Op(activation("cosh")),
    "Asinh": Op(activation("asinh")),
    "Acosh": Op(activation("acosh")),
    "Atanh": Op(activation("atanh")),
    "Erf": Op(activation("erf")),
    "Not": Op(activation("not"), on_one(np.logical_not)),
    "BitwiseNot": Op(activation("bitwise_not")),
    "IsNaN": Op(activation("is_nan")),
    "IsInf": Op(activation("is_inf")),
    "Relu": Op(activation("relu")),
    "LeakyRelu": Op(activation("leaky_relu", alpha=0.01)),
    "ThresholdedRelu": Op(activation("thresholded_relu", alpha=1.0)),
    "PRelu": Op(elementwise.prelu, weights=(1,)),
    "Elu": Op(activation("elu", alpha=1.0)),
    "Selu": Op(activation("selu", alpha=1.67326319217681884765625, gamma=1.05070102214813232421875)),
    "Celu": Op(activation("celu", alpha=1.0)),
    "Gelu": Op(elementwise.gelu),
    "Swish": Op(elementwise.swish),
    "HardSwish": Op(activation("hard_swish")),
    "Mish": Op(activation("mish")),
    "Sigmoid": Op(activation("sigmoid")),
    "HardSigmoid": Op(activation("hard_sigmoid", alpha=0.2, beta=0.5)),
    "Tanh": Op(activation("tanh")),
    "Softplus": Op(activation("softplus")),
    "Softsign": Op(activation("softsign")),
    "Shrink": Op(activation("shrink", bias=0.0, lambd=0.5)),
    "Clip": Op(elementwise.clip),
    # element by element, several inputs
    "Add": Op(arithmetic("add"), folds.elementwise(np.add), constant_arithmetic(np.add)),
    "Sub": Op(arithmetic("subtract"), folds.elementwise(np.subtract), constant_arithmetic(np.subtract)),
    "Mul": Op(arithmetic("multiply"), folds.elementwise(np.multiply), constant_arithmetic(np.multiply)),
    "Div": Op(arithmetic("divide"), folds.elementwise(folds.divided), constant_arithmetic(folds.divided)),
    "Pow": Op(arithmetic("power"), folds.elementwise(folds.power)),
    "Mod": Op(arithmetic("mod"), folds.remainder),
    "Max": Op(arithmetic("maximum"), folds.elementwise(np.maximum)),
    "Min": Op(arithmetic("minimum"), folds.elementwise(np.minimum)),
    "Sum": Op(arithmetic("add"), folds.elementwise(np.add)),
    "Mean": Op(arithmetic("mean")),
    "Equal": Op(arithmetic("equal"), folds.elementwise(np.equal)),
    "Less": Op(arithmetic("less"), folds.elementwise(np.less)),
    "Greater": Op(arithmetic("greater"), folds.elementwise(np.greater)),
    "LessOrEqual": Op(arithmetic("less_or_equal"), folds.elementwise(np.less_equal)),
    "GreaterOrEqual": Op(arithmetic("greater_or_equal"), folds.elementwise(np.greater_equal)),
    "And": Op(arithmetic("and"), folds.elementwise(np.logical_and)),
    "Or": Op(arithmetic("or"), folds.elementwise(np.logical_or)),
    "Xor": Op(arithmetic("xor")),
    "Where": Op(arithmetic("where"), folds.where),
    # positions
    "Concat": Op(positions.concat, folds.concatenated),
    "Split": Op(positions.split, folds.split),
    "Slice": Op(positions.slice_, folds.sliced),
    "Gather": Op(positions.gather, folds.gathered),
    "ScatterND": Op(fold=folds.scattered, unlearned=True),
    "Pad": Op(positions.pad),
    # shapes
    "Reshape": Op(reshape(shapes.reshape_target), folds.reshape, reshape_constant(shapes.reshape_target),
                  same_array=True),
    "Flatten": Op(reshape(shapes.flatten_target), folds.flatten, reshape_constant(shapes.flatten_target)),
    "Squeeze": Op(reshape(shapes.squeeze_target), folds.squeeze, reshape_constant(shapes.squeeze_target),
                  same_array=True),
    "Unsqueeze": Op(reshape(shapes.unsqueeze_target), folds.unsqueeze, reshape_constant(shapes.unsqueeze_target),
                    same_array=True),
    "Transpose": Op(shapes.transpose, folds.transpose, shapes.transpose_constant, same_array=True),
    "Expand": Op(shapes.expand, folds.expanded),
    "Tile": Op(shapes.tile, folds.tiled),
    "DepthToSpace": Op(shapes.depth_to_space),
    "SpaceToDepth": Op(shapes.space_to_depth),
    "Shape": Op(shapes.shape_of, folds.shape),
    "Size": Op(shapes.size_of, folds.size),
    # resizing
    "Resize": Op(resizing.resize),
    "Upsample": Op(resizing.resize),
    # constants
    "Constant": Op(constants.constant),
    "ConstantOfShape": Op(rearrange=constants.filled),
    "Range": Op(fold=folds.counted_up),
}  # fmt: skip
